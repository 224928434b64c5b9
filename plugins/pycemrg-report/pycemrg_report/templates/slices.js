// Slices that scroll, before and after, with one cross through all of them.
(async () => {
  const root = document.getElementById("slices");
  if (!window.DecompressionStream) {
    document.documentElement.classList.add("frozen");
    return;
  }
  const { size, colours, names } = heart;
  const strides = [1, size[0], size[0] * size[1]];
  // The axis that a plane is moved along, those to the right and down in it, and whether down is towards smaller numbers.
  const planes = {
    axial: { along: 2, right: 0, down: 1, turned: false },
    coronal: { along: 1, right: 0, down: 2, turned: true },
    sagittal: { along: 0, right: 1, down: 2, turned: true },
  };
  const changes = document.getElementById("changes");

  async function unpack(uri) {
    const stream = (await fetch(uri)).body.pipeThrough(new DecompressionStream("gzip"));
    const bytes = await new Response(stream).arrayBuffer();
    return heart.bytes === 1 ? new Uint8Array(bytes) : new Uint16Array(bytes);
  }

  /** A colour for ImageData: red is the lowest byte. */
  function pixel(hex, opacity = 255) {
    const value = parseInt(hex.slice(1), 16);
    return ((opacity << 24) | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
  }

  const after = await unpack(root.dataset.after);
  const change = root.dataset.change ? await unpack(root.dataset.change) : null;
  const most = 256 ** heart.bytes - 1;
  const before = (voxel) => (after[voxel] + change[voxel]) & most;
  const palette = Uint32Array.from([0, ...colours.map((colour) => pixel(colour))]);
  const removed = pixel(heart.removed), unchanged = pixel(heart.unchanged, 70);

  const views = [];
  let mark = null;
  for (const figure of root.querySelectorAll(".plane")) {
    const plane = planes[figure.dataset.plane];
    const slider = figure.querySelector("input");
    slider.max = size[plane.along] - 1;
    slider.addEventListener("input", () => move(plane.along, slider.valueAsNumber - heart.at[plane.along]));
    for (const shot of figure.querySelectorAll(".shot")) {
      if (shot.dataset.stage === "difference") continue;
      views.push(view(figure, plane, shot, slider));
    }
  }

  function view(figure, plane, shot, slider) {
    const frame = shot.querySelector(".slice");
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [size[plane.right], size[plane.down]];
    const cross = ["across", "upright", "ring"].map((name) => {
      const line = document.createElement("i");
      line.className = name;
      return line;
    });
    frame.append(canvas, ...cross);
    frame.classList.add("moves");
    frame.tabIndex = shot.dataset.stage === "after" ? 0 : -1;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", `${figure.dataset.plane} slice, ${shot.dataset.stage}: arrow keys move the cross, Page Up and Page Down the slice`);
    const context = canvas.getContext("2d");
    const shown = { plane, frame, cross, slider, context, said: figure.querySelector("output"), stage: shot.dataset.stage,
      pixels: context.createImageData(canvas.width, canvas.height) };
    listen(shown);
    return shown;
  }

  function draw({ plane, stage, context, pixels }) {
    const { along, right, down, turned } = plane;
    const earlier = stage === "before";
    const onlyChanges = stage === "after" && changes && changes.checked;
    const colours = new Uint32Array(pixels.data.buffer);
    let i = 0;
    for (let row = 0; row < size[down]; row++) {
      let voxel = heart.at[along] * strides[along] + (turned ? size[down] - 1 - row : row) * strides[down];
      for (let column = 0; column < size[right]; column++, voxel += strides[right]) {
        const value = earlier ? before(voxel) : after[voxel];
        if (!onlyChanges) colours[i++] = palette[value];
        else if (change[voxel]) colours[i++] = value ? palette[value] : removed;
        else colours[i++] = value ? unchanged : 0;
      }
    }
    context.putImageData(pixels, 0, 0);
  }

  const percent = (place, count) => `${(100 * (place + 0.5)) / count}%`;

  function lay({ plane, cross, frame, slider, said }) {
    const { along, right, down, turned } = plane;
    const place = (at) => [percent(at[right], size[right]), percent(turned ? size[down] - 1 - at[down] : at[down], size[down])];
    const [left, top] = place(heart.at);
    const [across, upright, ring] = cross;
    across.style.top = top;
    upright.style.left = left;
    ring.hidden = !mark || Math.abs(mark[along] - heart.at[along]) > 2;
    if (!ring.hidden) [ring.style.left, ring.style.top] = place(mark);
    frame.dataset.slice = slider.value = heart.at[along];
    said.textContent = `${heart.at[along] + 1} of ${size[along]}`;
  }

  function show() {
    for (const shown of views) {
      draw(shown);
      lay(shown);
    }
    const [x, y, z] = heart.at;
    const voxel = x + y * strides[1] + z * strides[2];
    const labels = [...(change ? [before(voxel)] : []), after[voxel]].map((value) => names[value]);
    document.getElementById("cross").textContent =
      `Cross: ${[...new Set(labels)].join(" → ")}, voxel (${heart.inFile(heart.at).join(", ")}), `
      + `point (${heart.point(heart.at).map((mm) => mm.toFixed(1)).join(", ")}) mm`;
  }

  function move(axis, by) {
    const at = [...heart.at];
    at[axis] += by;
    heart.go(at);
  }

  function listen({ plane, frame }) {
    const { along, right, down, turned } = plane;
    const keys = {
      ArrowLeft: [right, -1], ArrowRight: [right, 1], ArrowUp: [down, turned ? 1 : -1], ArrowDown: [down, turned ? -1 : 1],
      PageUp: [along, 1], PageDown: [along, -1],
    };
    frame.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const [axis, step] = keys[event.key];
      move(axis, event.shiftKey ? 10 * step : step);
    });

    function point(event) {
      const box = frame.getBoundingClientRect();
      const at = [...heart.at];
      at[right] = Math.floor(((event.clientX - box.left) / box.width) * size[right]);
      const row = Math.floor(((event.clientY - box.top) / box.height) * size[down]);
      at[down] = turned ? size[down] - 1 - row : row;
      heart.go(at);
    }
    frame.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      frame.setPointerCapture(event.pointerId);
      point(event);
    });
    frame.addEventListener("pointermove", (event) => {
      if (frame.hasPointerCapture(event.pointerId)) point(event);
    });

    // Until it is clicked the wheel scrolls the page. Trackpads send many small turns.
    let turns = 0;
    frame.addEventListener("wheel", (event) => {
      if (document.activeElement !== frame || event.ctrlKey) return;
      event.preventDefault();
      turns += event.deltaMode ? 40 * event.deltaY : event.deltaY;
      const steps = Math.trunc(turns / 40);
      turns -= 40 * steps;
      if (steps) move(along, -Math.sign(steps) * Math.min(Math.abs(steps), 3));
    }, { passive: false });
  }

  document.addEventListener("place", ({ detail }) => {
    if (detail.look) mark = heart.at;
    show();
  });
  if (changes) changes.addEventListener("change", show);
  show();
  root.dataset.ready = "yes";
})();
