// The surfaces in 3-D, with a ball at the place that all views show.
(() => {
  const frame = document.getElementById("view");
  const stage = document.getElementById("stage");
  const probe = document.createElement("canvas");
  if (!probe.getContext("webgl2") && !probe.getContext("webgl")) {
    const status = document.getElementById("view-status");
    status.textContent = "This browser has no WebGL, which the view in 3-D needs.";
    status.hidden = false;
    return;
  }

  // Directions (x, y, z) to the eye in the LPS frame: left, back, head; and what is up on the screen.
  const sides = {
    front: [[0, -1, 0], [0, 0, 1]], back: [[0, 1, 0], [0, 0, 1]],
    left: [[1, 0, 0], [0, 0, 1]], right: [[-1, 0, 0], [0, 0, 1]],
    above: [[0, 0, 1], [0, -1, 0]], below: [[0, 0, -1], [0, -1, 0]],
  };
  const turns = { ArrowLeft: 0.15, ArrowRight: -0.15, ArrowUp: -0.15, ArrowDown: 0.15 };
  const boxes = [...document.querySelectorAll("#labels input[data-label]")];
  const meshes = new Map();
  const shading = document.getElementById("shading");
  let page, ball, marker, waiting;

  // At most one picture per frame, however much has changed.
  function draw() {
    waiting ??= requestAnimationFrame(() => {
      waiting = undefined;
      page.render();
    });
  }

  function show() {
    for (const box of boxes) {
      const mesh = meshes.get(box.dataset.label);
      if (mesh) mesh.visible = box.checked;
    }
    draw();
  }

  // Colours of the vertices by where they are on the scale, grey where nothing was measured.
  function shade(mesh) {
    const { THREE } = page;
    const scale = frame.dataset.scale.split(" ").map((colour) => new THREE.Color(colour));
    const places = mesh.geometry.getAttribute("_shade");
    const colours = new Float32Array(places.count * 3);
    for (let i = 0; i < places.count; i++) {
      const place = places.getX(i) * (scale.length - 1);
      const low = Math.min(Math.floor(place), scale.length - 2);
      const colour = place < 0 ? new THREE.Color(0x8a8e96) : scale[low].clone().lerp(scale[low + 1], place - low);
      colour.toArray(colours, 3 * i);
    }
    mesh.geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
  }

  function shadeAll() {
    document.getElementById("labels").classList.toggle("shaded", shading.checked);
    for (const mesh of meshes.values()) {
      if (!mesh.geometry.getAttribute("color")) continue;
      mesh.material.vertexColors = shading.checked;
      mesh.material.color.copy(shading.checked ? new page.THREE.Color(1, 1, 1) : mesh.userData.own);
      mesh.material.needsUpdate = true;
    }
    draw();
  }

  function look(side) {
    const { THREE } = page;
    const [eye, up] = sides[side].map((vector) => new THREE.Vector3(...vector));
    lookFrom(eye, up);
  }

  function lookFrom(eye, up) {
    const { camera, controls } = page;
    const narrow = Math.min(1, camera.aspect);
    const far = ball.radius / Math.sin((camera.fov * Math.PI) / 360) / narrow;
    camera.up.copy(up);
    camera.position.copy(ball.center).addScaledVector(eye, far);
    camera.near = far / 100;
    camera.far = far * 10;
    camera.updateProjectionMatrix();
    controls.target.copy(ball.center);
    controls.update();
    draw();
  }

  // A ball that is seen through the heart, in a larger one that makes its rim.
  function makeMarker() {
    const { THREE } = page;
    const group = new THREE.Group();
    for (const [colour, radius] of [[0xffffff, 0.024], [0xd6006e, 0.017]]) {
      const material = new THREE.MeshBasicMaterial({ color: colour, depthTest: false, transparent: true });
      const sphere = new THREE.Mesh(new THREE.SphereGeometry(radius * ball.radius, 24, 16), material);
      sphere.renderOrder = group.children.length + 1;
      group.add(sphere);
    }
    group.visible = false;
    page.scene.add(group);
    return group;
  }

  function mark(turn) {
    const { THREE } = page;
    marker.position.set(...heart.point(heart.at));
    marker.visible = true;
    const eye = marker.position.clone().sub(ball.center);
    if (turn && eye.length() > 0) {
      eye.normalize();
      const up = new THREE.Vector3(0, 0, 1);
      lookFrom(eye, Math.abs(eye.z) > 0.9 ? new THREE.Vector3(0, -1, 0) : up);
    }
    frame.dataset.at = heart.at.join(" ");
    draw();
  }

  // The voxel under the mouse: a little behind the surface that is seen there.
  function pick(event) {
    const { THREE, camera, renderer } = page;
    const box = renderer.domElement.getBoundingClientRect();
    const place = new THREE.Vector2(
      (2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height);
    const ray = new THREE.Raycaster();
    ray.setFromCamera(place, camera);
    const [hit] = ray.intersectObjects([...meshes.values()].filter((mesh) => mesh.visible));
    if (!hit) return;
    const inside = hit.point.addScaledVector(ray.ray.direction, 0.6 * Math.max(...heart.spacing));
    heart.go(heart.voxel(inside.toArray()));
  }

  function paint() {
    page.scene.background = new page.THREE.Color(getComputedStyle(frame).backgroundColor);
    draw();
  }

  function key(event) {
    const { camera, controls, THREE } = page;
    const eye = camera.position.clone().sub(controls.target);
    if (event.key in turns) {
      const across = eye.clone().cross(camera.up).normalize();
      const axis = /Up|Down/.test(event.key) ? across : camera.up.clone();
      eye.applyAxisAngle(axis, turns[event.key]);
      camera.up.applyAxisAngle(axis, turns[event.key]);
    } else if ("+-".includes(event.key)) {
      eye.multiplyScalar(event.key === "+" ? 0.9 : 1 / 0.9);
    } else {
      return;
    }
    event.preventDefault();
    camera.position.copy(controls.target).add(eye);
    controls.update();
    draw();
  }

  function start() {
    const { THREE, scene, camera, controls, renderer } = page;
    scene.traverse((object) => {
      const named = /^label_(\d+)(_\d+)?$/.exec(object.name);
      if (object.isMesh && named) {
        object.geometry.computeVertexNormals();
        object.material.flatShading = false;
        object.material.needsUpdate = true;
        object.userData.own = object.material.color.clone();
        if (object.geometry.getAttribute("_shade")) shade(object);
        meshes.set(named[1], object);
      }
    });
    page.tracklight.intensity = 0.6;
    scene.add(page.tracklight.target);
    scene.add(new THREE.AmbientLight(0xffffff, 0.36));
    const box = new THREE.Box3().setFromObject(scene);
    const size = box.getSize(new THREE.Vector3());
    // Not the sphere around the box: hearts have no corners, and would be small in it.
    ball = { center: box.getCenter(new THREE.Vector3()), radius: Math.max(size.x, size.y, size.z) * 0.62 };
    // The light goes from the eye to the heart, wherever that is.
    page.tracklight.target.position.copy(ball.center);
    camera.fov = 28;
    const canvas = renderer.domElement;
    canvas.tabIndex = 0;
    canvas.setAttribute("aria-label", "Heart in 3-D; arrow keys turn it");
    canvas.style.outlineOffset = "-3px";
    controls.removeEventListener("change", page.render);
    controls.addEventListener("change", draw);
    controls.zoomSpeed = 4;
    // Until it is clicked the wheel scrolls the page.
    controls.noZoom = true;
    let pressed = null;
    canvas.addEventListener("pointerdown", (event) => {
      controls.noZoom = false;
      canvas.focus();
      pressed = event;
    }, true);
    canvas.addEventListener("pointerup", (event) => {
      // A click, not a turn.
      if (pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) < 4) pick(event);
      pressed = null;
    }, true);
    canvas.addEventListener("pointerleave", () => { controls.noZoom = true; });
    page.addEventListener("keydown", key);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    for (const box of boxes) box.addEventListener("change", show);
    if (shading) {
      shading.addEventListener("change", shadeAll);
      shadeAll();
    }
    for (const button of document.querySelectorAll("[data-all]")) {
      button.addEventListener("click", () => {
        for (const box of boxes) box.checked = button.dataset.all === "on";
        show();
      });
    }
    for (const button of document.querySelectorAll("[data-side]")) {
      button.addEventListener("click", () => look(button.dataset.side));
    }
    marker = makeMarker();
    document.addEventListener("place", ({ detail }) => mark(detail.look));
    paint();
    show();
    look("front");
    frame.dataset.ready = "yes";
  }

  function wait() {
    page = frame.contentWindow;
    // The controls are made when the surfaces have been read.
    if (page && page.controls) start();
    else setTimeout(wait, 50);
  }

  stage.hidden = false;
  frame.srcdoc = frame.dataset.page;
  wait();
})();
