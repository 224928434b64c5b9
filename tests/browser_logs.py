"""What a browser logs: what its console says, and what its pages ask for."""

from __future__ import annotations

import json
from typing import Any

# The note of a driver on how a browser without a graphics card puts its pictures together.
_NOTE = "GPU stall due to ReadPixels"
# Where the browser's own pages are.
_OWN = ("chrome:", "chrome-untrusted:", "chrome-extension:", "devtools:")


def forget(browser: Any) -> None:
    """Forget what was logged until now."""
    for log in ("browser", "performance"):
        browser.get_log(log)


def complaints(browser: Any) -> list[str]:
    """The errors and warnings in the console."""
    entries = browser.get_log("browser")
    said = [str(entry["message"]) for entry in entries if entry["level"] in ("SEVERE", "WARNING")]
    return [text for text in said if not text.endswith(_NOTE)]


def network(browser: Any) -> tuple[list[str], list[str]]:
    """The addresses that pages asked for, and those that answered, but not for pages of the browser itself."""
    asked, answered, own = [], [], set()
    for entry in browser.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        what, about = event["method"], event["params"]
        if what == "Network.requestWillBeSent":
            if about["documentURL"].startswith(_OWN):
                own.add(about["requestId"])
            else:
                asked.append(about["request"]["url"])
        elif what == "Network.responseReceived" and about["requestId"] not in own:
            answered.append(about["response"]["url"])
    return asked, answered
