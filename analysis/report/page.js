"use strict";
const charts = JSON.parse(document.getElementById("charts").textContent);
const plot = document.getElementById("plot");
const choice = document.getElementById("choice");
const dark = matchMedia("(prefers-color-scheme: dark)");

function height(data) { // the legend's lines come on top of the curves
  const names = data.filter((trace) => trace.showlegend !== false);
  const longest = Math.max(0, ...names.map((trace) => trace.name.length));
  const across = Math.max(1, Math.floor((plot.clientWidth - 60) / (60 + 7 * longest)));
  return (innerWidth < 640 ? 340 : 440) + 22 * Math.ceil(names.length / across);
}

function draw() {
  const { data, layout } = charts[choice.selectedIndex];
  const style = getComputedStyle(document.documentElement);
  const [ink, line] = ["--ink", "--line"].map((name) => style.getPropertyValue(name));
  const axis = { gridcolor: line, linecolor: ink, zeroline: false, automargin: true };
  const looks = {
    uirevision: "keep", // what was switched off in the legend stays so
    font: { family: "system-ui, sans-serif", color: ink },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    height: height(data),
    margin: { l: 10, r: 10, t: 20, b: 10 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    hovermode: "closest",
    xaxis: { ...layout.xaxis, ...axis },
    yaxis: { ...layout.yaxis, ...axis, uirevision: choice.selectedIndex },
  };
  Plotly.react(plot, data, { ...layout, ...looks }, { responsive: true, displayModeBar: false });
}

if (charts.length) {
  choice.addEventListener("change", draw);
  dark.addEventListener("change", draw);
  addEventListener("resize", draw);
  draw();
}
