"use strict";
(() => {
  const { columns, data, questions, currency, total, texts = {} } = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  // a text of the page in its language, {1} and {2} filled in
  const say = (text, ...values) => (texts[text] ?? text).replace(/\{(\d)\}/g, (_, k) => values[k - 1]);
  let sheets = null; // read when the first sheet is opened
  const count = data.count, place = new Map(columns.map((column, j) => [column.name, j]));
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true, sensitivity: "base" });
  const number = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
  const money = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const make = (tag, content, name) => {
    const node = document.createElement(tag);
    if (content !== undefined) node.textContent = content;
    if (name) node.className = name;
    return node;
  };
  // what cannot be seen is shown by its number: control characters, and marks that turn the writing round
  const visible = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g,
    (mark) => "⟨" + mark.codePointAt(0).toString(16).padStart(4, "0").toUpperCase() + "⟩");

  // columns: numbers and days as Float64Array (NaN: unknown), text as codes of a dictionary (-1: unknown)
  const stores = columns.map((column, j) => {
    const raw = data.values[j];
    if (column.kind === "text") return { text: true, words: raw.d, said: raw.s ?? raw.d, codes: Int32Array.from(raw.i), low: null, rank: null };
    return { text: false, values: Float64Array.from(raw, (x) => (x === null ? NaN : x)) };
  });
  const lowered = (store) => (store.low ??= store.words.map((word) => word.toLowerCase()));
  const ranks = (store) => {
    if (store.rank) return store.rank;
    const order = store.words.map((_, i) => i).sort((a, b) => collator.compare(store.words[a], store.words[b]));
    store.rank = new Int32Array(order.length);
    order.forEach((word, position) => { store.rank[word] = position; });
    return store.rank;
  };
  const day = (value) => new Date(value * 864e5).toISOString().slice(0, 10);
  const plain = (j, i) => {
    const store = stores[j], column = columns[j];
    if (store.text) return store.codes[i] < 0 ? null : store.words[store.codes[i]];
    const value = store.values[i];
    if (Number.isNaN(value)) return null;
    return column.kind === "date" ? day(value) : value;
  };
  const shown = (j, i) => {
    const value = plain(j, i), column = columns[j];
    if (value === null) return "–";
    if (column.kind === "text") return visible(stores[j].said[stores[j].codes[i]]);
    if (column.kind === "date") return value;
    const minus = (text) => text.replace("-", "−");
    if (column.kind === "money") return minus(money.format(value));
    if (column.kind === "share") return minus((100 * value).toFixed(1)) + say(" %");
    return minus(number.format(value));
  };
  const unit = (column) => (column.kind === "money" ? currency : column.kind === "share" || !column.unit ? "" : column.unit);
  const heading = (column) => column.label
    + (unit(column) && !column.label.toLowerCase().includes(unit(column)) ? " (" + unit(column) + ")" : "");

  // state -----------------------------------------------------------------------------------------
  const state = { search: "", filters: [], sort: place.get(data.sort) ?? 0, down: true, question: "", lead: [], chosen: columns.map((c) => c.shown), current: 0 };
  let rows = new Int32Array(0);

  const operators = (column) => column.kind === "text"
    ? [["is", say("is")], ["in", say("is one of")], ["contains", say("contains")], ["unknown", say("is unknown")], ["known", say("is known")]]
    : [["ge", say("at least")], ["le", say("at most")], ["unknown", say("is unknown")], ["known", say("is known")]];
  const target = (column, value) => {
    if (column.kind === "date") return Date.parse(value + "T00:00:00Z") / 864e5;
    const entered = parseFloat(String(value).replace(",", "."));
    return column.kind === "share" ? entered / 100 : entered;
  };

  // each filter strikes rows out of one mask; a dictionary is searched once, not once a row
  const strike = (keep, filter) => {
    const column = columns[filter.column], store = stores[filter.column], op = filter.op;
    if (op === "unknown" || op === "known") {
      const wanted = op === "unknown" ? 1 : 0;
      for (let i = 0; i < count; i++) if ((store.text ? store.codes[i] < 0 : Number.isNaN(store.values[i])) != wanted) keep[i] = 0;
      return;
    }
    if (String(filter.value).trim() === "") return;
    if (store.text) {
      const words = lowered(store), entered = String(filter.value).toLowerCase().trim();
      const listed = new Set(op === "in" ? entered.split(",").map((part) => part.trim()) : [entered]);
      const fits = (word) => (op === "contains" ? word.includes(entered) : listed.has(word.trim()));
      const good = Uint8Array.from(words, (word, w) => (fits(word) || fits(store.said[w].toLowerCase()) ? 1 : 0));
      for (let i = 0; i < count; i++) if (store.codes[i] < 0 || !good[store.codes[i]]) keep[i] = 0;
      return;
    }
    const border = target(column, filter.value), slack = 1e-9 * Math.max(1, Math.abs(border));
    if (Number.isNaN(border)) return;
    if (op === "ge") { for (let i = 0; i < count; i++) if (!(store.values[i] >= border - slack)) keep[i] = 0; }
    else for (let i = 0; i < count; i++) if (!(store.values[i] <= border + slack)) keep[i] = 0;
  };
  const seek = (keep, entered) => {
    const found = new Uint8Array(count);
    stores.forEach((store, j) => {
      if (!store.text || columns[j].quiet) return;
      const good = Uint8Array.from(lowered(store), (word, w) => (word.includes(entered) || store.said[w].toLowerCase().includes(entered) ? 1 : 0));
      for (let i = 0; i < count; i++) if (store.codes[i] >= 0 && good[store.codes[i]]) found[i] = 1;
    });
    for (let i = 0; i < count; i++) if (!found[i]) keep[i] = 0;
  };
  const select = () => {
    const keep = new Uint8Array(count).fill(1);
    state.filters.forEach((filter) => strike(keep, filter));
    const entered = state.search.trim().toLowerCase();
    if (entered) seek(keep, entered);
    const found = [];
    for (let i = 0; i < count; i++) if (keep[i]) found.push(i);
    rows = Int32Array.from(found);
    arrange();
  };
  // unknown values come last, whichever way; ties stay in the order of the customer's key
  const arrange = () => {
    const store = stores[state.sort], way = state.down ? -1 : 1;
    const rank = store.text ? ranks(store) : null;
    const key = store.text
      ? Float64Array.from(rows, (i) => (store.codes[i] < 0 ? NaN : rank[store.codes[i]]))
      : Float64Array.from(rows, (i) => store.values[i]);
    const order = Uint32Array.from(rows, (_, k) => k);
    order.sort((a, b) => {
      const x = key[a], y = key[b], p = Number.isNaN(x), q = Number.isNaN(y);
      if (p || q) return p - q || rows[a] - rows[b];
      return way * (x - y) || rows[a] - rows[b];
    });
    rows = Int32Array.from(order, (k) => rows[k]);
    state.current = 0;
    $("grid").scrollTop = 0;
    report();
    draw();
  };
  const report = () => {
    let text = say("{1} of {2} customers", number.format(rows.length), number.format(count));
    const j = place.get(total);
    if (j !== undefined) {
      let sum = 0;
      for (const i of rows) { const x = stores[j].values[i]; if (!Number.isNaN(x)) sum += x; }
      text += say("; ") + columns[j].label.toLowerCase() + " " + money.format(sum).replace("-", "−") + " " + currency;
    }
    $("status").textContent = text;
  };

  // the table: only the rows in sight exist ------------------------------------------------------
  const width = (column) => (column.kind === "text" ? (column.name === "name" ? 210 : column.wide ? 320 : 148) : 112);
  // what a question is about stands beside the customer, before the usual columns
  const listed = () => {
    const chosen = columns.map((_, j) => j).filter((j) => state.chosen[j]);
    const rank = (j) => (["customer_id", "name"].includes(columns[j].name) ? 0 : state.lead.includes(columns[j].name) ? 1 : 2);
    return chosen.sort((a, b) => rank(a) - rank(b) || a - b);
  };
  const rowHeight = () => parseInt(getComputedStyle(document.documentElement).getPropertyValue("--row"), 10);
  const head = () => {
    const cells = listed().map((j) => {
      const column = columns[j], cell = make("div", undefined, "cell" + (column.kind === "text" ? "" : " number"));
      cell.setAttribute("role", "columnheader");
      cell.style.width = width(column) + "px";
      const active = j === state.sort;
      cell.setAttribute("aria-sort", active ? (state.down ? "descending" : "ascending") : "none");
      const button = make("button", heading(column) + (active ? (state.down ? " ▼" : " ▲") : ""));
      button.type = "button";
      button.title = column.about;
      button.addEventListener("click", () => { sortBy(j, active ? !state.down : column.kind !== "text"); });
      cell.append(button);
      return cell;
    });
    $("head").replaceChildren(...cells);
    $("head").style.width = Math.max(listed().reduce((sum, j) => sum + width(columns[j]), 0), $("grid").clientWidth) + "px";
  };
  const card = (i, chosen) => {
    const node = make("div", undefined, "card"), named = place.get("name"), id = place.get("customer_id");
    const title = named === undefined || plain(named, i) === null ? shown(id, i) : shown(named, i) + " · " + shown(id, i);
    node.append(make("strong", title));
    chosen.filter((j) => j !== named && j !== id).slice(0, 6).forEach((j) => {
      const part = make("span");
      part.append(make("i", columns[j].label + " "), make("bdi", shown(j, i)));
      node.append(part);
    });
    return node;
  };
  let drawn = "";
  const draw = (force = true) => {
    const grid = $("grid"), height = rowHeight(), narrow = matchMedia("(max-width: 700px)").matches;
    $("body").style.height = rows.length * height + "px";
    const first = Math.max(0, Math.floor(grid.scrollTop / height) - 6);
    const last = Math.min(rows.length, Math.ceil((grid.scrollTop + grid.clientHeight) / height) + 6);
    const mark = first + ":" + last;
    if (!force && mark === drawn) return;
    drawn = mark;
    if (force) head();
    const chosen = listed(), made = document.createDocumentFragment();
    for (let k = first; k < last; k++) {
      const i = rows[k], row = make("div", undefined, "row");
      row.style.top = k * height + "px";
      row.id = "row-" + k;
      row.dataset.place = k;
      row.setAttribute("role", "row");
      row.setAttribute("aria-rowindex", k + 2);
      row.setAttribute("aria-selected", k === state.current);
      if (narrow) {
        const cell = card(i, chosen);
        cell.setAttribute("role", "gridcell");
        row.append(cell);
      } else chosen.forEach((j) => {
        const text = shown(j, i), cell = make("div", text, "cell" + (columns[j].kind === "text" ? "" : " number") + (text === "–" ? " unknown" : ""));
        cell.setAttribute("role", "gridcell");
        cell.style.width = width(columns[j]) + "px";
        if (text.length > 14) cell.title = text;
        row.append(cell);
      });
      made.append(row);
    }
    $("body").replaceChildren(made);
    grid.setAttribute("aria-rowcount", rows.length + 1);
    grid.setAttribute("aria-colcount", chosen.length);
    if (rows.length) grid.setAttribute("aria-activedescendant", "row-" + state.current);
    else grid.removeAttribute("aria-activedescendant");
  };
  const go = (position) => {
    if (!rows.length) return;
    state.current = Math.min(rows.length - 1, Math.max(0, position));
    const grid = $("grid"), height = rowHeight(), top = state.current * height;
    const room = grid.clientHeight - ($("head").offsetHeight || 0);
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top + height > grid.scrollTop + room) grid.scrollTop = top + height - room;
    draw();
  };

  // one customer ---------------------------------------------------------------------------------
  const bars = (values, labels) => {
    const svg = (tag, attributes) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
      Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
      return node;
    };
    const top = Math.max(1, ...values), step = 600 / values.length;
    const picture = svg("svg", { viewBox: "0 0 600 72", preserveAspectRatio: "none", role: "img",
      "aria-label": say("Revenue a month: ") + values.map((value, m) => labels[m] + " " + value).join(", ") });
    values.forEach((value, m) => {
      const height = Math.max(0, (66 * value) / top);
      picture.append(svg("rect", { x: m * step + 2, y: 68 - height, width: step - 4, height, fill: "#0072b2" }));
    });
    picture.append(svg("rect", { x: 0, y: 68, width: 600, height: 1, fill: "#9aa6b1" }));
    return picture;
  };
  const section = (title, name) => { const node = make("section", undefined, name); node.append(make("h3", title)); return node; };
  const open = (position) => {
    if (!rows.length) return;
    sheets ??= JSON.parse($("sheets").textContent);
    const i = rows[position], content = make("div"), tools = make("div", undefined, "sheet-tools");
    const step = (label, change) => {
      const button = make("button", label);
      button.type = "button";
      button.disabled = position + change < 0 || position + change >= rows.length;
      button.addEventListener("click", () => { go(position + change); open(position + change); });
      tools.append(button);
    };
    step(say("Previous"), -1); step(say("Next"), 1);
    const close = make("button", say("Close"));
    close.type = "button"; close.id = "sheet-close";
    close.addEventListener("click", () => $("sheet").close());
    tools.append(close);
    const id = shown(place.get("customer_id"), i), named = place.get("name");
    const title = make("h2", named === undefined || plain(named, i) === null ? id : shown(named, i));
    title.id = "sheet-title";
    content.append(tools, title);
    if (named !== undefined) content.append(make("p", id, "facts"));
    const action = place.get("action"), why = place.get("action_why");
    if (action !== undefined && plain(action, i) !== null) {
      const box = make("p", undefined, "action");
      box.append(make("strong", shown(action, i)));
      if (why !== undefined && plain(why, i) !== null) box.append(make("span", say(": ") + shown(why, i)));
      content.append(box);
    }
    const groups = make("div", undefined, "groups"), byGroup = new Map();
    columns.forEach((column, j) => {
      if (["customer_id", "name", "action", "action_why"].includes(column.name)) return;
      const key = column.wide ? "wide" + column.group : column.group;
      if (!byGroup.has(key)) byGroup.set(key, []);
      byGroup.get(key).push(j);
    });
    if (sheets.months.length && sheets.revenue[i].length) {
      const box = section(say("Revenue a month, {1} to {2} ({3})", sheets.months[0], sheets.months.at(-1), currency), "wide");
      box.append(bars(sheets.revenue[i], sheets.months));
      groups.append(box);
    }
    [...byGroup].sort((a, b) => a[0].startsWith("wide") - b[0].startsWith("wide")).forEach(([key, members]) => {
      const wide = key.startsWith("wide"), box = section(columns[members[0]].group, wide ? "wide" : ""), list = make("dl");
      members.forEach((j) => {
        const term = make("dt", heading(columns[j]));
        term.title = columns[j].about;
        list.append(term, make("dd", shown(j, i)));
      });
      box.append(list);
      groups.append(box);
    });
    const events = sheets.events[i];
    if (events && events.length) {
      const box = section(say("Latest events"), "wide"), grid = make("table");
      events.forEach((event) => {
        const line = make("tr");
        event.split("\t").forEach((cell) => line.append(make("td", visible(cell))));
        grid.append(line);
      });
      box.append(grid);
      groups.append(box);
    }
    content.append(groups);
    $("sheet-content").replaceChildren(content);
    if (!$("sheet").open) $("sheet").showModal();
    close.focus();
    $("sheet").scrollTop = 0;
  };
  $("sheet").addEventListener("close", () => $("grid").focus());

  // tools ----------------------------------------------------------------------------------------
  const sortBy = (j, down) => {
    state.sort = j; state.down = down;
    $("sort").value = j;
    $("direction").textContent = down ? say("descending") : say("ascending");
    arrange();
  };
  const choice = (options, value) => {
    const node = make("select");
    options.forEach(([key, label]) => { const option = make("option", label); option.value = key; node.append(option); });
    node.value = value;
    return node;
  };
  const groupedColumns = (node) => {
    const groups = new Map();
    columns.forEach((column, j) => {
      if (!groups.has(column.group)) { const part = make("optgroup"); part.label = column.group; groups.set(column.group, part); node.append(part); }
      const option = make("option", heading(column)); option.value = j;
      groups.get(column.group).append(option);
    });
    return node;
  };
  const valueInput = (filter) => {
    const column = columns[filter.column], store = stores[filter.column];
    if (filter.op === "unknown" || filter.op === "known") return null;
    let node;
    if (filter.op === "is" && store.words.length <= 60) {
      const words = [...store.words].sort(collator.compare);
      node = choice([["", say("any")], ...words.map((word) => [word, visible(store.said[store.words.indexOf(word)])])], filter.value);
    } else {
      node = make("input");
      node.type = column.kind === "date" ? "date" : "text";
      if (!["text", "date"].includes(column.kind)) node.inputMode = "decimal";
      if (column.kind === "share") node.placeholder = say("percent");
      node.value = filter.value;
    }
    node.setAttribute("aria-label", say("value of {1}", column.label));
    node.addEventListener("input", () => { filter.value = node.value; select(); });
    return node;
  };
  const showFilters = () => {
    const items = state.filters.map((filter, f) => {
      const item = make("li"), which = groupedColumns(make("select"));
      which.value = filter.column;
      which.setAttribute("aria-label", say("column"));
      which.addEventListener("change", () => {
        const column = +which.value;
        state.filters[f] = { column, op: operators(columns[column])[0][0], value: "" };
        showFilters(); select();
      });
      const how = choice(operators(columns[filter.column]), filter.op);
      how.setAttribute("aria-label", say("comparison"));
      how.addEventListener("change", () => { filter.op = how.value; showFilters(); select(); });
      const remove = make("button", say("Remove"));
      remove.type = "button";
      remove.setAttribute("aria-label", say("Remove filter on {1}", columns[filter.column].label));
      remove.addEventListener("click", () => { state.filters.splice(f, 1); showFilters(); select(); });
      const value = valueInput(filter);
      item.append(which, how, ...(value ? [value, columns[filter.column].kind === "share" ? "%" : unit(columns[filter.column])] : []), remove);
      return item;
    });
    $("filter-list").replaceChildren(...items);
  };
  const ask = (name) => {
    const question = questions.find((candidate) => candidate.name === name);
    state.question = question ? name : "";
    $("question").value = state.question;
    state.lead = question ? [question.sort, ...question.where.map((part) => part.column), ...question.columns] : [];
    $("question-why").hidden = !question;
    $("question-why").textContent = question ? question.why : "";
    state.filters = question ? question.where.map((part) => {
      const column = place.get(part.column), share = columns[column].kind === "share";
      return { column, op: part.op, value: share && part.value !== "" ? String(+(100 * part.value).toFixed(6)) : String(part.value) };
    }) : [];
    if (question) {
      question.columns.forEach((column) => { if (place.has(column)) state.chosen[place.get(column)] = true; });
      question.where.forEach((part) => { state.chosen[place.get(part.column)] = true; });
      state.sort = place.get(question.sort); state.down = question.down;
    } else { state.sort = place.get(data.sort) ?? 0; state.down = true; }
    $("sort").value = state.sort;
    $("direction").textContent = state.down ? say("descending") : say("ascending");
    showFilters(); select();
  };
  // a spreadsheet takes a text that begins with one of these for a formula
  const safe = (value) => {
    if (value === null) return "";
    let text = String(value);
    if (typeof value === "string" && /^[\s\u00a0\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]|^[\t\r\n]/.test(text)) text = "'" + text;
    return /[",;\n\r\t]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const exported = () => {
    const chosen = listed(), lines = [chosen.map((j) => safe(columns[j].name)).join(",")];
    rows.forEach((i) => lines.push(chosen.map((j) => safe(plain(j, i))).join(",")));
    return "\ufeff" + lines.join("\r\n") + "\r\n";
  };
  const download = () => {
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([exported()], { type: "text/csv;charset=utf-8" }));
    link.download = data.file;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const showColumns = () => {
    const groups = new Map();
    columns.forEach((column, j) => {
      if (!groups.has(column.group)) { const box = make("fieldset"); box.append(make("legend", column.group)); groups.set(column.group, box); }
      const label = make("label"), tick = make("input");
      tick.type = "checkbox"; tick.checked = state.chosen[j]; tick.disabled = column.name === "customer_id";
      tick.addEventListener("change", () => { state.chosen[j] = tick.checked; draw(); });
      label.append(tick, heading(column)); label.title = column.about;
      groups.get(column.group).append(label);
    });
    $("column-list").replaceChildren(...groups.values());
    $("columns-dialog").showModal();
  };

  questions.forEach((question) => { const option = make("option", question.title); option.value = question.name; $("question").append(option); });
  groupedColumns($("sort"));
  $("question").addEventListener("change", () => ask($("question").value));
  $("search").addEventListener("input", () => { state.search = $("search").value; select(); });
  $("sort").addEventListener("change", () => { const j = +$("sort").value; sortBy(j, columns[j].kind !== "text"); });
  $("direction").addEventListener("click", () => sortBy(state.sort, !state.down));
  $("add-filter").addEventListener("click", () => {
    const column = place.get("segment") ?? place.get("value_class") ?? 0;
    state.filters.push({ column, op: operators(columns[column])[0][0], value: "" });
    showFilters();
    $("filter-list").lastElementChild.querySelector("select").focus();
  });
  $("clear").addEventListener("click", () => { $("search").value = ""; state.search = ""; ask(""); });
  $("export").addEventListener("click", download);
  $("columns-button").addEventListener("click", showColumns);
  $("columns-close").addEventListener("click", () => $("columns-dialog").close());
  let waiting = false;
  $("grid").addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(false); });
  }, { passive: true });
  $("grid").addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row) { go(+row.dataset.place); open(+row.dataset.place); }
  });
  $("grid").addEventListener("keydown", (event) => {
    if (event.target.closest("#head")) return;
    const page = Math.max(1, Math.floor($("grid").clientHeight / rowHeight()) - 2);
    const moves = { ArrowDown: state.current + 1, ArrowUp: state.current - 1, PageDown: state.current + page, PageUp: state.current - page, Home: 0, End: rows.length - 1 };
    if (event.key in moves) { event.preventDefault(); go(moves[event.key]); }
    else if (event.key === "Enter") { event.preventDefault(); open(state.current); }
  });
  addEventListener("resize", () => draw());
  const follow = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    ask(wanted.get("question") ?? "");
    const id = wanted.get("customer"), store = stores[place.get("customer_id")];
    if (id === null) return;
    const position = rows.findIndex((i) => store.words[store.codes[i]] === id);
    if (position >= 0) { go(position); open(position); }
  };
  addEventListener("hashchange", follow);
  follow();
  document.documentElement.dataset.ready = "yes";
})();
