"use strict";
// What the other scripts share: the geometry of the heart, and the place that all views show.
const heart = (() => {
  const section = document.getElementById("heart");
  const about = JSON.parse(section.dataset.about);
  const { size, spacing, corner, direction } = about;
  const axes = [0, 1, 2];

  return {
    ...about,
    at: size.map((count) => (count - 1) >> 1),

    /** Show a voxel (x, y, z) in all views; `look`: turn the view in 3-D to it, and mark it. */
    go(at, look = false) {
      this.at = at.map((i, axis) => Math.min(Math.max(Math.round(i), 0), size[axis] - 1));
      section.dataset.at = this.at.join(" ");
      document.dispatchEvent(new CustomEvent("place", { detail: { look } }));
    },

    /** The centre of a voxel in mm, and the voxel around a point, not rounded. */
    point: (at) => axes.map((row) => corner[row] + axes.reduce((sum, i) => sum + direction[3 * row + i] * spacing[i] * at[i], 0)),
    voxel: (point) => axes.map((i) => axes.reduce((sum, row) => sum + direction[3 * row + i] * (point[row] - corner[row]), 0) / spacing[i]),

    /** The same voxel as the image file counts them. */
    inFile: (at) => axes.map((row) => about.file.corner[row] + axes.reduce((sum, i) => sum + about.file.axes[row][i] * at[i], 0)),
  };
})();

(() => {
  document.documentElement.classList.add("live");

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-at]");
    if (link && link.matches("a")) heart.go(link.dataset.at.split(" ").map(Number), true);
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });

  // What is folded is printed too.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });

  async function copy(button) {
    const from = button.dataset.copy ? document.querySelector(button.dataset.copy) : button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(from.innerText);
    } catch {
      // Where a page may not write to the clipboard by itself, it may copy what is selected.
      getSelection().selectAllChildren(from);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  }
})();
