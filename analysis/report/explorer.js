"use strict";
{ // All runs in three linked views: what is brushed in one is selected in all of them.
  const runs = JSON.parse(document.getElementById("runs").textContent);
  const [coordinates, scatter, curves] = ["coordinates", "scatter", "selected-curves"].map((name) =>
    document.getElementById(name));
  const [across, up, colour, quantity] = ["across", "up", "colour", "quantity"].map((name) =>
    document.getElementById(`explorer-${name}`));
  const count = runs.ids.length;
  const NONE = -0.08; // where a run without a value is drawn, below the axis from 0 to 1
  const LISTED = 8;
  const PALETTE = ["#0072b2", "#d98200", "#009e73", "#b0568f", "#3d9fd1", "#8a6d00", "#5b5ea6", "#8a8a8a"];
  const RAMP = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#d5c500"];
  const brushes = new Map(); // an axis's place: its lowest and highest selected position

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const axes = runs.axes.map((axis) => {
    const values = new Float32Array(bytes(axis.values));
    const known = values.filter((value) => !Number.isNaN(value)).map((value) => scaled(axis, value));
    const low = axis.labels ? -0.5 : Math.min(...known);
    const high = axis.labels ? axis.labels.length - 0.5 : Math.max(...known);
    const place = (value) => (high > low ? (scaled(axis, value) - low) / (high - low) : 0.5);
    const positions = Float32Array.from(values, (value) => (Number.isNaN(value) ? NONE : place(value)));
    return { ...axis, values, positions, ticks: ticks(axis, low, high, place) };
  });
  const last = new Float32Array(bytes(runs.last));
  const drawn = runs.curves.map((curve) => ({ ...curve, values: new Uint16Array(bytes(curve.values)) }));

  function scaled(axis, value) {
    return axis.log ? Math.log10(value) : value;
  }

  function ticks(axis, low, high, place) {
    if (axis.labels) return axis.labels.map((words, at) => ({ words, at: place(at) }));
    if (axis.log) {
      const powers = [];
      for (let power = Math.ceil(low); power <= high; power += Math.ceil((high - low) / 6)) powers.push(10 ** power);
      const shown = powers.length > 1 ? powers : [10 ** low, 10 ** high];
      return shown.map((value) => ({ words: short(value), at: place(value) }));
    }
    const rough = (high - low) / 4 || 1;
    const size = 10 ** Math.floor(Math.log10(rough));
    const gap = [1, 2, 5, 10].map((times) => times * size).find((each) => each >= rough);
    const found = [];
    for (let value = Math.ceil(low / gap) * gap; value <= high + gap / 1e6; value += gap) {
      found.push({ words: short(value), at: place(value) });
    }
    return found;
  }

  function short(value) {
    const size = Math.abs(value);
    return size && (size < 0.01 || size >= 1e5) ? value.toExponential(0).replace("+", "") : String(+value.toPrecision(3));
  }

  function isSelected(run) {
    for (const [place, [low, high]] of brushes) {
      const at = axes[place].positions[run];
      if (at < low || at > high) return false;
    }
    return true;
  }

  function shade(run) {
    const axis = axes[colour.value];
    const at = axis.positions[run];
    if (at < 0) return "#999999";
    if (axis.labels && axis.labels.length <= PALETTE.length) return PALETTE[axis.values[run]];
    return RAMP[Math.min(RAMP.length - 1, Math.floor(at * RAMP.length))];
  }

  function cleared(canvas) { // in CSS pixels, as sharp as the screen
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif";
    pen.lineWidth = 1;
    return { pen, width, height };
  }

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(["ink", "quiet", "line"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  };

  const frame = { left: 56, right: 16, top: 14, bottom: 40 };
  const inside = (canvas) => ({
    left: frame.left, top: frame.top,
    width: canvas.clientWidth - frame.left - frame.right,
    height: canvas.clientHeight - frame.top - frame.bottom,
  });
  const EDGES = [-0.14, 1.04]; // of the scatter, in positions: room for runs without a value
  const framed = (at) => (at - EDGES[0]) / (EDGES[1] - EDGES[0]);
  const unframed = (part) => EDGES[0] + part * (EDGES[1] - EDGES[0]);
  const tall = { top: 44, bottom: 30 }; // of the parallel coordinates, names above
  const place = (canvas, axis) => {
    const margin = 64;
    return margin + (axes.length > 1 ? (axis / (axes.length - 1)) * (canvas.clientWidth - 2 * margin) : 0);
  };
  const height = (canvas, at) => tall.top + (1 - at) * (canvas.clientHeight - tall.top - tall.bottom);

  function drawCoordinates(selected, look) {
    const { pen } = cleared(coordinates);
    const order = [...Array(count).keys()].sort((one, other) => selected[one] - selected[other]);
    for (const run of order) {
      pen.strokeStyle = selected[run] ? shade(run) : look.line;
      pen.globalAlpha = selected[run] ? Math.max(0.12, Math.min(0.9, 60 / selected.total)) : 0.35;
      pen.beginPath();
      axes.forEach((axis, number) => {
        pen.lineTo(place(coordinates, number), height(coordinates, axis.positions[run]));
      });
      pen.stroke();
    }
    pen.globalAlpha = 1;
    axes.forEach((axis, number) => {
      const x = place(coordinates, number);
      pen.strokeStyle = look.ink;
      pen.beginPath();
      pen.moveTo(x, height(coordinates, 1));
      pen.lineTo(x, height(coordinates, 0));
      pen.stroke();
      pen.fillStyle = look.ink;
      pen.textAlign = number === 0 ? "left" : number === axes.length - 1 ? "right" : "center";
      const aside = number === 0 ? -60 : number === axes.length - 1 ? 60 : 0;
      pen.fillText(axis.name, x + aside, number % 2 ? 28 : 13);
      pen.textAlign = "left";
      for (const { words, at } of thinned(axis.ticks, coordinates.clientHeight / 14)) {
        outlined(pen, words, x + 4, height(coordinates, at) + 4);
      }
      if (axis.positions.includes(Math.fround(NONE))) outlined(pen, axis.none, x + 4, height(coordinates, NONE) + 4);
      const brush = brushes.get(number);
      if (brush) {
        const top = height(coordinates, brush[1]);
        pen.fillStyle = pen.strokeStyle = look.ink;
        pen.globalAlpha = 0.25;
        pen.fillRect(x - 7, top, 14, height(coordinates, brush[0]) - top);
        pen.globalAlpha = 1;
        pen.strokeRect(x - 7, top, 14, height(coordinates, brush[0]) - top);
      }
    });
  }

  function thinned(found, most) {
    return found.filter((_, number) => number % Math.ceil(found.length / most) === 0);
  }

  function outlined(pen, words, x, y) { // readable on top of many lines
    pen.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--page");
    pen.lineWidth = 3;
    pen.strokeText(words, x, y);
    pen.lineWidth = 1;
    pen.fillText(words, x, y);
  }

  function drawFrame(pen, box, horizontal, vertical, look) {
    pen.strokeStyle = look.line;
    pen.fillStyle = look.ink;
    pen.strokeRect(box.left, box.top, box.width, box.height);
    pen.textAlign = "center";
    for (const { words, at } of thinned(horizontal.ticks, box.width / 60)) {
      pen.fillText(words, box.left + at * box.width, box.top + box.height + 15);
    }
    pen.fillText(horizontal.name, box.left + box.width / 2, box.top + box.height + 32);
    pen.textAlign = "right";
    for (const { words, at } of thinned(vertical.ticks, box.height / 14)) {
      pen.fillText(words, box.left - 5, box.top + (1 - at) * box.height + 4);
    }
    pen.textAlign = "left";
    pen.fillText(vertical.name, box.left + 2, 10);
  }

  function inFrame(axis) { // with the ticks where the scatter has them, and one for no value
    const lacks = axis.positions.includes(Math.fround(NONE)) ? [{ words: axis.none, at: NONE }] : [];
    return { name: axis.name, ticks: [...lacks, ...axis.ticks].map(({ words, at }) => ({ words, at: framed(at) })) };
  }

  function drawScatter(selected, look) {
    const { pen } = cleared(scatter);
    const box = inside(scatter);
    const [horizontal, vertical] = [axes[across.value], axes[up.value]];
    drawFrame(pen, box, inFrame(horizontal), inFrame(vertical), look);
    const aside = (axis, run) => {
      const at = axis.positions[run];
      return framed(axis.labels && at >= 0 ? at + (((run * 0.618) % 1) - 0.5) * 0.6 / axis.labels.length : at);
    };
    for (const wanted of [false, true]) {
      for (let run = 0; run < count; run++) {
        if (selected[run] !== wanted) continue;
        pen.fillStyle = wanted ? shade(run) : look.line;
        pen.globalAlpha = wanted ? 0.8 : 0.5;
        pen.beginPath();
        pen.arc(box.left + aside(horizontal, run) * box.width, box.top + (1 - aside(vertical, run)) * box.height, count > 500 ? 2 : 3, 0, 7);
        pen.fill();
      }
    }
    pen.globalAlpha = 1;
    const [x, y] = [brushes.get(+across.value), brushes.get(+up.value)];
    if (x && y) {
      pen.strokeStyle = look.ink;
      const [left, right, low, high] = [...x, ...y].map(framed);
      pen.strokeRect(box.left + left * box.width, box.top + (1 - high) * box.height, (right - left) * box.width, (high - low) * box.height);
    }
  }

  function drawCurves(selected, look) {
    const { pen } = cleared(curves);
    const box = inside(curves);
    const curve = drawn[quantity.value];
    const steps = { name: "step (updates)", log: false };
    const longest = Math.max(...last);
    steps.ticks = ticks(steps, 0, longest, (value) => value / longest);
    const range = curve.high - curve.low || 1;
    const vertical = { name: curve.name, log: curve.log };
    vertical.ticks = ticks(vertical, curve.low, curve.high, (value) => (scaled(curve, value) - curve.low) / range);
    drawFrame(pen, box, steps, vertical, look);
    pen.globalAlpha = Math.max(0.12, Math.min(0.9, 40 / selected.total));
    for (let run = 0; run < count; run++) {
      if (!selected[run]) continue;
      pen.strokeStyle = shade(run);
      pen.beginPath();
      for (let point = 0; point < curve.points; point++) {
        const value = curve.values[run * curve.points + point]; // 0 is none
        if (!value) continue;
        const x = box.left + (last[run] * point) / (curve.points - 1) / longest * box.width;
        pen.lineTo(x, box.top + (1 - (value - 1) / 65534) * box.height);
      }
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  function list(selected) {
    document.getElementById("selected").textContent =
      `${selected.total} of ${count} runs selected${brushes.size ? "" : ": drag along an axis or over the dots"}.`;
    const body = document.getElementById("selected-runs");
    body.replaceChildren();
    for (let run = 0; run < count && body.rows.length < LISTED && brushes.size; run++) {
      if (!selected[run]) continue;
      const row = body.insertRow();
      row.insertCell().textContent = runs.ids[run];
      for (const axis of axes) row.insertCell().textContent = inWords(axis, axis.values[run]);
    }
    body.parentElement.hidden = !body.rows.length;
  }

  function inWords(axis, value) {
    if (Number.isNaN(value)) return axis.none;
    return axis.labels ? axis.labels[value] : String(+value.toPrecision(4));
  }

  let waits = false;
  function draw() {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      const selected = Array.from({ length: count }, (_, run) => isSelected(run));
      selected.total = selected.filter(Boolean).length;
      const look = colours();
      drawCoordinates(selected, look);
      drawScatter(selected, look);
      drawCurves(selected, look);
      list(selected);
    });
  }

  function brushed(canvas, begin, move) { // a drag; a click without one takes the brush away
    canvas.addEventListener("pointerdown", (event) => {
      const started = begin(event);
      if (started === null) return;
      canvas.setPointerCapture(event.pointerId);
      const follow = (next) => { move(started, event, next, false); draw(); };
      canvas.addEventListener("pointermove", follow);
      canvas.addEventListener("pointerup", (end) => {
        canvas.removeEventListener("pointermove", follow);
        const moved = Math.hypot(end.offsetX - event.offsetX, end.offsetY - event.offsetY);
        move(started, event, end, moved < 4);
        draw();
      }, { once: true });
    });
  }

  const ordered = (one, other) => (one < other ? [one, other] : [other, one]);
  const within = (at) => Math.max(2 * NONE, Math.min(1, at));

  brushed(coordinates, (event) => {
    const distances = axes.map((_, axis) => Math.abs(place(coordinates, axis) - event.offsetX));
    const nearest = distances.indexOf(Math.min(...distances));
    return distances[nearest] < 30 ? nearest : null;
  }, (axis, from, to, click) => {
    const at = (event) => within(1 - (event.offsetY - tall.top) / (coordinates.clientHeight - tall.top - tall.bottom));
    if (click) brushes.delete(axis);
    else brushes.set(axis, ordered(at(from), at(to)));
  });

  brushed(scatter, () => [+across.value, +up.value], ([x, y], from, to, click) => {
    const box = inside(scatter);
    const right = (event) => within(unframed((event.offsetX - box.left) / box.width));
    const above = (event) => within(unframed(1 - (event.offsetY - box.top) / box.height));
    if (click) [x, y].forEach((axis) => brushes.delete(axis));
    else {
      brushes.set(x, ordered(right(from), right(to)));
      brushes.set(y, ordered(above(from), above(to)));
    }
  });

  for (const choice of [across, up, colour, quantity]) choice.addEventListener("change", draw);
  document.getElementById("explorer-clear").addEventListener("click", () => { brushes.clear(); draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("resize", draw);
  draw();
}
