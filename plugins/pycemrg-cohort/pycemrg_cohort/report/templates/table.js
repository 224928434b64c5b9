"use strict";
(() => {
  const table = document.getElementById("cases");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const cards = new Map([...document.querySelectorAll("#hearts [data-id]")].map((card) => [card.dataset.id, card]));
  const words = new Map(rows.map((row) => [row,
    [...row.querySelectorAll(".t")].map((cell) => cell.textContent).join(" ").toLowerCase()]));

  // The columns sort.
  const names = new Intl.Collator("en", {numeric: true});
  const heads = [...table.tHead.rows[0].cells];
  function sort(column, down) {
    const numeric = heads[column].classList.contains("n");
    const keyed = rows.map((row) => {
      const text = row.cells[column].textContent.trim();
      // The mark of an outlier stands before its number.
      return [row, numeric ? parseFloat(text.replace(/^\D+/, "")) : text];
    });
    const empty = (key) => key === "" || Number.isNaN(key);
    // Cases without a value come last, whichever way.
    keyed.sort(([, a], [, b]) => empty(a) - empty(b)
      || (empty(a) ? 0 : (numeric ? a - b : names.compare(a, b)) * (down ? -1 : 1)));
    body.append(...keyed.map(([row]) => row));
    heads.forEach((head, n) => {
      if (n === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(column, head.getAttribute("aria-sort") === "ascending"));
  });

  // Text and choice filter, together.
  const text = document.getElementById("text");
  const kind = document.getElementById("kind");
  const told = document.getElementById("told");
  function filter() {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = words.get(row).includes(wanted) && (!kind.value || row.dataset.flags.split(" ").includes(kind.value));
      row.hidden = !fits;
      const card = cards.get(row.dataset.id);
      if (card) card.hidden = !fits;
      shown += fits;
    }
    told.textContent = shown === rows.length ? `all ${rows.length} shown` : `${shown} of ${rows.length} shown`;
  }
  text.addEventListener("input", filter);
  kind.addEventListener("change", filter);
  const controls = document.getElementById("controls");
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.hidden = false;
  filter();
})();
