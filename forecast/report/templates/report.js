(() => {
  "use strict";
  const root = document.documentElement;
  const charts = JSON.parse(document.getElementById("figures").textContent);
  const small = matchMedia("(pointer: coarse), (max-width: 30rem)").matches;
  const config = {
    responsive: true, displaylogo: false, displayModeBar: small ? false : "hover",
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]], // none that leaves the page
  };
  // What a figure takes from the page: it is the same figure on white and on black.
  const ink = (layout) => {
    const page = getComputedStyle(root);
    const of = (name) => page.getPropertyValue(name).trim();
    const changed = {
      "font.color": of("--ink"), "font.family": getComputedStyle(document.body).fontFamily,
      "hoverlabel.bgcolor": of("--paper"), "hoverlabel.bordercolor": of("--rule"),
      "hoverlabel.font.color": of("--ink"),
      "modebar.color": of("--soft"), "modebar.activecolor": of("--ink"),
      "modebar.bgcolor": "rgba(0,0,0,0)",
    };
    for (const axis of ["xaxis", "yaxis"]) {
      if (!layout[axis]) continue;
      changed[`${axis}.gridcolor`] = of("--rule");
      changed[`${axis}.linecolor`] = of("--soft");
      changed[`${axis}.tickcolor`] = of("--soft");
    }
    return changed;
  };
  const drawn = [];
  // One choice of a series is a choice for every figure that has it.
  const follow = (name) => {
    for (const { choice, draw } of drawn) {
      const option = choice && [...choice.options].find(({ text }) => text === name);
      if (!option) continue;
      choice.value = option.value;
      draw();
    }
  };
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const place = figure.querySelector(".plot");
    const choice = figure.querySelector("select");
    const chart = charts[Number(figure.dataset.chart)];
    const draw = async () => {
      const { data, layout } = chart[choice ? Number(choice.value) : 0];
      if (small) layout.dragmode = false; // a finger scrolls the page
      await Plotly.react(place, data, layout, config);
      await Plotly.relayout(place, ink(layout));
    };
    if (choice) choice.addEventListener("change", () => follow(choice.selectedOptions[0].text));
    drawn.push({ place, choice, draw });
    draw().catch(() => root.classList.remove("scripted"));
  }
  const recolour = () => {
    for (const { place } of drawn) if (place.layout) Plotly.relayout(place, ink(place.layout));
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  // Paper is narrower than the window, and white.
  const print = matchMedia("print");
  print.addEventListener("change", () => {
    recolour();
    for (const { place } of drawn) {
      Plotly.relayout(place, print.matches ? { width: 680 } : { width: null, autosize: true });
    }
  });
})();
