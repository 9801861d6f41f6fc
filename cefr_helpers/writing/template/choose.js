"use strict";
// The chosen sentences, one place each. Each decision is stored in the browser at once, and all are saved as one file.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const key = `cefr-choose/${data.page}`;
  const places = data.words.flatMap((word) => word.chosen.map((one) => ({ word, was: one.sentence, level: one.people_level })));
  const WRONG = { 1: "sense", 2: "meaning", 3: "level" };
  const SIGNS = { accept: "✓", swap: "⇄", edit: "✎", reject: "✗" };
  const started = new Date().toISOString();
  let decisions = stored(); // number of a place -> {action, sentence, wrong, seconds, at}
  let now = Math.max(0, places.findIndex((_, number) => !(number in decisions)));
  let shownAt = performance.now();
  let editing = false;
  let message = "";

  function stored() {
    try { return JSON.parse(localStorage.getItem(key)) || {}; } catch { return {}; }
  }

  function keep() {
    try { localStorage.setItem(key, JSON.stringify(decisions)); } catch { message = "This browser cannot store decisions: save before you close the page."; }
  }

  const sentenceOf = (number) => decisions[number]?.sentence ?? places[number].was;
  const taken = (place) => new Set(places.flatMap((one, number) => (one.word === place.word ? [sentenceOf(number), one.was] : [])));
  const others = (number) => places[number].word.runners_up.map((one) => one.sentence).filter((one) => !taken(places[number]).has(one));

  function decide(number, action, more = {}) {
    const seconds = Math.round((performance.now() - shownAt) / 100) / 10;
    decisions[number] = { action, sentence: places[number].was, seconds, at: new Date().toISOString(), ...more };
    keep();
  }

  function swap() {
    const candidates = [places[now].was, ...places[now].word.runners_up.map((one) => one.sentence)];
    const elsewhere = new Set(places.flatMap((one, number) => (number !== now && one.word === places[now].word ? [sentenceOf(number)] : [])));
    const free = candidates.filter((one) => !elsewhere.has(one));
    const next = free[(free.indexOf(sentenceOf(now)) + 1) % free.length];
    if (free.length < 2) message = "There is no other candidate for this word.";
    else decide(now, next === places[now].was ? "accept" : "swap", { sentence: next });
    draw();
  }

  function move(step) {
    now = Math.min(places.length - 1, Math.max(0, now + step));
    shownAt = performance.now();
    draw();
  }

  function edit() {
    editing = true;
    draw();
    const box = document.querySelector("textarea");
    box.focus();
    box.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") { editing = false; draw(); }
      if (event.key !== "Enter") return;
      event.preventDefault();
      editing = false;
      const text = box.value.split(/\s+/).filter(Boolean).join(" ");
      if (!text) return draw();
      decide(now, text === places[now].was ? "accept" : "edit", { sentence: text });
      move(1);
    });
  }

  function press(event) {
    if (editing || event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    message = "";
    if (name === "ArrowDown") move(1);
    else if (name === "ArrowUp") move(-1);
    else if (name === "a") { if (!["swap", "edit"].includes(decisions[now]?.action)) decide(now, "accept"); move(1); }
    else if (name === "s") swap();
    else if (name === "e") edit();
    else if (name in WRONG) { decide(now, "reject", { wrong: WRONG[name] }); move(1); }
    else if (name === "u") { delete decisions[now]; keep(); draw(); }
    else return;
    event.preventDefault();
  }

  // The file: decisions, and the same decisions as votes with their key

  function votes() {
    const items = {};
    const pairs = {};
    const answers = [];
    const choices = [];
    const item = (number, row, sentence) => {
      const name = `${row === "chosen" ? "c" : "r"}${number}`;
      items[name] = { row, prompt: 1, slot: number + 1, word: places[number].word.word, sentence };
      return name;
    };
    for (const [number, one] of Object.entries(decisions).map(([at, value]) => [Number(at), value])) {
      const { seconds, at } = one;
      if (one.action === "accept" || one.action === "reject") {
        const said = Object.fromEntries(Object.values(WRONG).map((question) => [question, one.wrong !== question]));
        answers.push({ item: item(number, "chosen", places[number].was), ...said, seconds, at });
      } else if (one.action === "swap") {
        const both = [item(number, "runner_up", one.sentence), item(number, "chosen", places[number].was)];
        pairs[`p${number}`] = both;
        choices.push({ pair: `p${number}`, chosen: both[0], left: both[1], seconds, at });
      }
    }
    const head = { schema: 1, page: data.page, level: data.level, rater: { name: "who chose", kind: "teacher" }, language: "en" };
    return { votes: { ...head, started, saved: new Date().toISOString(), answers, choices }, key: keyOf(items, pairs) };
  }

  const keyOf = (items, pairs) => ({ schema_version: 1, page: data.page, level: data.level, created: started, secret: "", items, pairs, missing: [] });

  function file() {
    const made = [];
    places.forEach((place, number) => {
      if (!(number in decisions)) return;
      const { word, pos, meaning, topic } = place.word;
      made.push({ word, action: decisions[number].action, sentence: decisions[number].sentence, was: place.was, pos, meaning, topic });
    });
    return { schema: 1, name: data.name, level: data.level, model: data.model, decisions: made, undecided: places.length - made.length, ...votes() };
  }

  function save() {
    const blob = new Blob([`${JSON.stringify(file(), null, 1)}\n`], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "decided.json";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    message = "Saved as decided.json in your downloads.";
    draw();
  }

  // Drawing

  function make(tag, text, name) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (name) made.className = name;
    return made;
  }

  function drawPlace(number) {
    const decision = decisions[number];
    const box = make("div", "", `place${number === now ? " now" : ""}${decision?.action === "reject" ? " rejected" : ""}`);
    if (editing && number === now) {
      const text = make("textarea");
      text.value = sentenceOf(number);
      box.append(text, make("small", "Enter saves the change, Escape discards it."));
      return box;
    }
    const said = make("p", "", "said");
    if (decision) { const mark = make("span", "", "mark"); mark.dataset.mark = SIGNS[decision.action]; said.append(mark); }
    said.append(sentenceOf(number));
    box.append(said);
    if (number === now) {
      const list = make("ol");
      others(number).forEach((one) => list.append(make("li", one)));
      box.append(make("small", list.children.length ? "Runners-up:" : "No runners-up."), list);
    }
    box.addEventListener("click", () => { if (number !== now) move(number - now); });
    return box;
  }

  function draw() {
    const main = document.getElementById("places");
    main.replaceChildren();
    places.forEach((place, number) => {
      if (number === 0 || places[number - 1].word !== place.word) {
        const { word, pos, meaning } = place.word;
        main.append(make("p", [word, pos, meaning].filter(Boolean).join(" · "), "word"));
      }
      main.append(drawPlace(number));
    });
    const done = Object.keys(decisions).length;
    document.getElementById("progress").textContent = `${done} of ${places.length} decided. ${message}`;
    document.querySelector(".now")?.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", press);
  document.getElementById("save").addEventListener("click", save);
  draw();
})();
