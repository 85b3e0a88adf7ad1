"use strict";

/* Figures: their data are in scripts of type application/json. */
(function figures() {
  for (const script of document.querySelectorAll("script[data-plot]")) {
    const place = document.getElementById(script.dataset.plot);
    const plot = JSON.parse(script.textContent);
    place.style.height = place.dataset.height + "px";
    Plotly.newPlot(place, plot.data, plot.layout, {
      responsive: true, displaylogo: false,
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
      toImageButtonOptions: { format: "svg", filename: script.dataset.plot },
    });
  }
})();

/* The table of candidates: sorting, filtering, a CSV file. */
(function table() {
  const source = document.getElementById("table-data");
  if (!source) return;
  const STEP = 100;
  const { columns, values, texts, units } = JSON.parse(source.textContent);
  const find = (id) => document.getElementById(id);
  const grid = find("candidates"), filter = find("filter"), every = find("all");
  const status = find("filter-told"), more = find("more");
  const count = values[0].length;
  const paretoColumn = columns.findIndex((column) => column.name === "pareto");
  const lower = texts.map((cells) => cells.map((cell) => cell.toLowerCase()));
  const EQUAL = 1e-9; // means over realisations differ in their last digits
  let rows = Array.from({ length: count }, (_, row) => row);
  let sorted = { column: 0, up: true };
  let limit = STEP;

  /* "bits" means adc.bits where no other name ends so, as elsewhere in matsweep. */
  function columnOf(name) {
    const exact = columns.findIndex((c) => c.name === name || c.label === name);
    if (exact >= 0) return exact;
    const ending = columns.flatMap((c, at) => (c.name.endsWith("." + name) ? [at] : []));
    if (ending.length === 1) return ending[0];
    throw new Error(ending.length ? `${name} may mean several columns: write the longer name`
                                  : `no column is named ${name}`);
  }

  /* "10 nJ", "95 %" or a bare number, in the unit of the column. */
  function quantity(text, column) {
    const parts = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(.*)$/i.exec(text);
    if (!parts) throw new Error(`${column.name} is compared with a number, not with ${text}`);
    const unit = parts[2].replace("μ", "µ").replace("\u2126", "Ω");
    if (unit === "") return Number(parts[1]);
    const factor = Object.hasOwn(units, column.unit) && Object.hasOwn(units[column.unit], unit)
      ? units[column.unit][unit] : undefined;
    if (factor === undefined) {
      throw new Error(`${column.name} [${column.unit}] is not measured in ${unit}`);
    }
    return Number(parts[1]) * factor;
  }

  function comparison(name, sign, wanted) {
    const at = columnOf(name);
    const column = columns[at];
    if (column.unit === "") {
      if (sign !== "==" && sign !== "!=") throw new Error(`${name} holds text: only == and != compare it`);
      const text = wanted.replace(/^['"]|['"]$/g, "").toLowerCase();
      return (row) => (String(values[at][row]).toLowerCase() === text) === (sign === "==");
    }
    const bound = quantity(wanted, column);
    return (row) => {
      const value = values[at][row];
      if (value === null) return false;
      const same = Math.abs(value - bound) <= EQUAL * Math.abs(bound);
      switch (sign) {
        case "==": return same;
        case "!=": return !same;
        case "<=": return value < bound || same;
        case ">=": return value > bound || same;
        case "<": return value < bound && !same;
        default: return value > bound && !same;
      }
    };
  }

  function clause(text) {
    const parts = /^(.+?)\s*(<=|>=|==|!=|=|<|>|≤|≥|≠)\s*(.+)$/.exec(text);
    if (!parts) {
      const words = text.toLowerCase().split(/\s+/);
      return (row) => words.every((word) => lower.some((cells) => cells[row].includes(word)));
    }
    const sign = { "=": "==", "≤": "<=", "≥": ">=", "≠": "!=" }[parts[2]] || parts[2];
    return comparison(parts[1].trim(), sign, parts[3].trim());
  }

  function compare(a, b) {
    const x = values[sorted.column][a], y = values[sorted.column][b];
    if (x === null || y === null) return (x === null) - (y === null); // unknown ones last
    const order = typeof x === "string" ? x.localeCompare(y) : x - y;
    return sorted.up ? order : -order;
  }

  function shownColumns() {
    return columns.flatMap((column, at) => (column.main || every.checked ? [at] : []));
  }

  function element(name, text, kind) {
    const node = document.createElement(name);
    node.textContent = text;
    if (kind) node.className = kind;
    return node;
  }

  function head(shown) {
    const line = document.createElement("tr");
    for (const at of shown) {
      const column = columns[at];
      const cell = element("th", "", column.unit === "" ? "" : "number");
      cell.scope = "col";
      cell.title = column.about;
      const button = element("button", column.label);
      button.type = "button";
      button.addEventListener("click", () => {
        const first = column.better !== "higher";
        sorted = { column: at, up: sorted.column === at ? !sorted.up : first };
        draw();
        grid.tHead.rows[0].cells[shown.indexOf(at)].firstChild.focus();
      });
      cell.append(button);
      if (sorted.column === at) cell.ariaSort = sorted.up ? "ascending" : "descending";
      line.append(cell);
    }
    grid.tHead.replaceChildren(line);
  }

  function draw() {
    const shown = shownColumns();
    rows.sort(compare);
    head(shown);
    const lines = rows.slice(0, limit).map((row) => {
      const line = document.createElement("tr");
      if (values[paretoColumn][row]) line.className = "front";
      for (const at of shown) {
        line.append(element("td", texts[at][row], columns[at].unit === "" ? "" : "number"));
      }
      return line;
    });
    grid.tBodies[0].replaceChildren(...lines);
    find("more-row").hidden = rows.length <= limit;
    more.textContent = `Show more rows (${Math.min(limit, rows.length)} of ${rows.length})`;
  }

  function refilter() {
    let tests;
    try {
      tests = filter.value.split(/,|\band\b|&&/i).map((part) => part.trim()).filter(Boolean).map(clause);
    } catch (problem) {
      filter.ariaInvalid = "true";
      status.textContent = problem.message;
      return;
    }
    filter.ariaInvalid = "false";
    rows = Array.from({ length: count }, (_, row) => row).filter((row) => tests.every((test) => test(row)));
    limit = STEP;
    status.textContent = `${rows.length} of ${count} candidates`;
    draw();
  }

  /* Texts that a spreadsheet would take for a formula get a quote before them. */
  function field(value) {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? "'" + value : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function download() {
    const lines = [columns.map((column) => field(column.name)).join(",")];
    for (const row of rows) lines.push(values.map((column) => field(column[row])).join(","));
    const address = URL.createObjectURL(new Blob([lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    const link = element("a", "");
    link.href = address;
    link.download = "candidates.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  const remembered = (set) => { // some browsers refuse storage to files
    try {
      if (set !== undefined) sessionStorage.setItem("filter", set);
      return sessionStorage.getItem("filter") || "";
    } catch { return ""; }
  };
  filter.addEventListener("input", () => { remembered(filter.value); refilter(); });
  every.addEventListener("change", draw);
  more.addEventListener("click", () => { limit += 5 * STEP; draw(); });
  find("csv").addEventListener("click", download);
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  find("controls").hidden = false;
  if (document.body.dataset.revision) filter.value = remembered();
  refilter();
})();

/* A served page follows its study while candidates are open. */
(function live() {
  const { revision, open } = document.body.dataset;
  if (revision === undefined || open === "0") return;
  const EVERY = 4000; // ms
  async function look() {
    try {
      const state = await (await fetch("state")).json();
      const over = state.done + state.failed;
      document.getElementById("progress").value = over;
      document.getElementById("progress-text").textContent =
        `${over} of ${state.total} candidates, ${state.failed} failed`;
      if (state.revision !== revision) location.reload();
    } catch {
      document.getElementById("progress-text").textContent = "matsweep view does not answer";
    }
    setTimeout(look, EVERY);
  }
  setTimeout(look, EVERY);
})();
