"use strict";
// The page for readers. A reader's state is the list of answers in order; the next question follows from it.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const sentences = new Map(data.items.map((one) => [one.id, one]));
  const [header, main] = [document.querySelector("header"), document.querySelector("main")];
  const prefix = `cefr-rating/${data.page}/`;
  let language = data.language;
  let reader = null; // {name, kind, started, answers: {task: {value, seconds, at}}, order: [task]}
  let tasks = [];
  let shownAt = 0;
  let kept = true; // whether this browser stores the answers
  let message = "";

  // Random numbers that depend only on the page and the reader, so that a reader gets the same order again

  function numberOf(text) {
    let hash = 2166136261; // FNV-1a
    for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
    return hash >>> 0;
  }

  function random(seed) {
    let state = seed; // mulberry32
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
  }

  function shuffled(list, draw) {
    const made = [...list];
    for (let at = made.length - 1; at > 0; at -= 1) {
      const other = Math.floor(draw() * (at + 1));
      [made[at], made[other]] = [made[other], made[at]];
    }
    return made;
  }

  function tasksOf(name) {
    const draw = random(numberOf(`${data.page} ${name}`));
    const asked = shuffled(data.items, draw).flatMap((item) =>
      data.questions.map((question) => ({ name: `${item.id}/${question}`, item, question })));
    const pairs = shuffled(data.pairs, draw).map((pair) => {
      const [left, right] = shuffled(pair.items, draw);
      return { name: pair.id, pair, left, right };
    });
    return [...asked, ...pairs];
  }

  // Storage in the browser

  function store(name, value) {
    try {
      localStorage.setItem(prefix + name, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  }

  function stored() {
    const found = [];
    try {
      for (let at = 0; at < localStorage.length; at += 1) {
        const key = localStorage.key(at);
        if (key.startsWith(`${prefix}reader/`)) found.push(JSON.parse(localStorage.getItem(key)));
      }
    } catch {
      kept = false;
    }
    return found.sort((a, b) => (a.started < b.started ? -1 : 1));
  }

  const keep = () => { kept = store(`reader/${reader.name}`, reader); };
  const now = () => new Date().toISOString();
  const next = () => tasks.find((task) => !(task.name in reader.answers));

  // The votes file

  function votes() {
    const answers = [];
    const choices = [];
    for (const task of tasks) {
      if (task.pair && task.name in reader.answers) {
        const { value, seconds, at } = reader.answers[task.name];
        choices.push({ pair: task.pair.id, chosen: value, left: task.left, seconds, at });
      } else if (task.question === data.questions.at(-1)) {
        const all = data.questions.map((question) => reader.answers[`${task.item.id}/${question}`]);
        if (!all.every(Boolean)) continue;
        const said = Object.fromEntries(data.questions.map((question, at) => [question, all[at].value]));
        const seconds = Math.round(all.reduce((sum, one) => sum + one.seconds, 0) * 10) / 10;
        answers.push({ item: task.item.id, ...said, seconds, at: all.at(-1).at });
      }
    }
    const rater = { name: reader.name, kind: reader.kind };
    const head = { schema: data.schema, page: data.page, level: data.level, rater, language };
    return { ...head, started: reader.started, saved: now(), answers, choices };
  }

  function readerOf(file) {
    const answers = {};
    for (const one of file.answers) {
      for (const question of data.questions) {
        const seconds = one.seconds / data.questions.length;
        answers[`${one.item}/${question}`] = { value: one[question], seconds, at: one.at };
      }
    }
    for (const one of file.choices) answers[one.pair] = { value: one.chosen, seconds: one.seconds, at: one.at };
    const { name, kind } = file.rater;
    const known = new Set(tasksOf(name).map((task) => task.name));
    const order = Object.keys(answers);
    if (!order.every((task) => known.has(task)) || !data.kinds.includes(kind)) throw new Error("not of this page");
    order.sort((a, b) => (answers[a].at < answers[b].at ? -1 : answers[a].at > answers[b].at ? 1 : 0));
    return { name, kind, started: file.started, answers, order };
  }

  function download() {
    const name = reader.name.normalize("NFKD").replace(/\p{M}+/gu, "").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "") || "reader";
    const blob = new Blob([`${JSON.stringify(votes(), null, 1)}\n`], { type: "application/json" });
    const link = make("a", { href: URL.createObjectURL(blob), download: `votes_${data.level}_${name}_${data.page}.json` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  async function load(file) {
    let found;
    try {
      found = JSON.parse(await file.text());
      if (found.page !== data.page) {
        say(text("other_page", { page: String(found.page), here: data.page }));
        return;
      }
      found = readerOf(found);
    } catch {
      say(text("not_votes"));
      return;
    }
    const there = stored().find((one) => one.name === found.name);
    if (there && there.order.length && !confirm(text("replace", { name: found.name, there: there.order.length, file: found.order.length }))) return;
    begin(found);
  }

  // Actions

  function begin(found) {
    reader = found;
    tasks = tasksOf(reader.name);
    message = "";
    keep();
    draw();
  }

  function answer(value) {
    const task = next();
    if (!task) return;
    const seconds = Math.round((performance.now() - shownAt) / 100) / 10;
    reader.answers[task.name] = { value, seconds, at: now() };
    reader.order.push(task.name);
    keep();
    draw();
  }

  function undo() {
    const last = reader.order.pop();
    if (last === undefined) return;
    delete reader.answers[last];
    keep();
    draw();
  }

  function stop() {
    reader = null;
    draw();
  }

  function say(what) {
    message = what;
    draw();
  }

  // Drawing

  function text(path, values = {}) {
    const found = path.split(".").reduce((part, name) => part[name], data.texts[language]);
    return found.replace(/\{(\w+)\}/g, (whole, name) => String({ level: data.level, ...values }[name] ?? whole));
  }

  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "click") made.addEventListener("click", value);
      else if (value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  const button = (label, click, attributes = {}) => make("button", { type: "button", click, ...attributes }, label);

  function draw() {
    document.documentElement.lang = language;
    document.title = text("title");
    const languages = Object.keys(data.texts).map((name) => button(data.texts[name].language, () => {
      language = name;
      store("language", name);
      draw();
    }, { lang: name, "aria-pressed": name === language }));
    const own = reader ? [button(text("save"), download, { id: "save" }), button(text("stop"), stop, { id: "stop" })] : [];
    header.replaceChildren(make("span", { class: "grow" }, reader ? reader.name : ""), ...own, ...languages);
    const warnings = kept ? [] : [make("p", { class: "warning" }, text("not_kept"))];
    if (message) warnings.push(make("p", { class: "warning", role: "alert" }, message));
    const task = reader && next();
    const screen = !reader ? start() : !task ? end() : task.pair ? pair(task) : item(task);
    main.replaceChildren(...warnings, ...(reader ? progress() : []), ...screen);
    shownAt = performance.now();
  }

  function start() {
    const name = make("input", { id: "name", maxlength: 80, autocomplete: "off" });
    const kind = make("select", { id: "kind" }, make("option", { value: "" }, "–"), ...data.kinds.map((one) =>
      make("option", { value: one }, text(`kinds.${one}`))));
    const there = stored();
    const go = () => {
      const called = name.value.trim().replace(/\s+/g, " ");
      if (!called || !kind.value) return say(text("who_first"));
      const before = there.find((one) => one.name.toLowerCase() === called.toLowerCase());
      return begin(before ?? { name: called, kind: kind.value, started: now(), answers: {}, order: [] });
    };
    const all = data.items.length * data.questions.length + data.pairs.length;
    const again = there.map((one) => button(text("go_on", { name: one.name, done: one.order.length, all }), () => begin(one), { class: "again" }));
    const file = make("input", { type: "file", id: "load", accept: ".json,application/json" });
    file.addEventListener("change", () => file.files.length && load(file.files[0]));
    const counts = { items: data.items.length, pairs: data.pairs.length };
    return [
      make("h1", {}, text("title")),
      make("p", {}, text("intro", counts)),
      make("ol", {}, ...data.questions.map((question) => make("li", { class: "question" }, asked(question)))),
      make("p", {}, text("blind")),
      make("label", {}, text("name"), name),
      make("label", {}, text("kind"), kind),
      make("div", { class: "row" }, button(text("begin"), go, { id: "begin", class: "main" }), make("label", { class: "file" }, text("load"), file)),
      ...(again.length ? [make("p", {}, text("begun")), make("div", { class: "row" }, ...again)] : []),
      make("p", { class: "hint" }, text("stays", { page: data.page })),
    ];
  }

  const asked = (question) => make("span", {}, text(`questions.${question}`), make("small", {}, text(`hints.${question}`)));

  function progress() {
    const done = reader.order.length;
    const seconds = reader.order.slice(-60).map((name) => reader.answers[name].seconds).sort((a, b) => a - b);
    const minutes = Math.max(1, Math.round((seconds[Math.floor(seconds.length / 2)] * (tasks.length - done)) / 60));
    const left = done >= 9 && done < tasks.length ? ` · ${text("left", { minutes })}` : "";
    return [
      make("progress", { max: tasks.length, value: done }),
      make("p", { class: "hint", id: "progress" }, text("progress", { done, all: tasks.length }) + left),
    ];
  }

  const back = () => button(text("undo"), undo, { id: "undo", class: "wide" });
  const word = (name) => make("p", { class: "word" }, `${text("word")}: `, make("b", {}, sentences.get(name).word));

  function item(task) {
    const questions = data.questions.map((question) => {
      const given = reader.answers[`${task.item.id}/${question}`];
      const said = given ? [make("b", { class: given.value ? "yes" : "no" }, text(given.value ? "yes" : "no"))] : [];
      return make("li", { class: question === task.question ? "question now" : "question" }, asked(question), ...said);
    });
    return [
      word(task.item.id),
      make("p", { class: "sentence", lang: "en", dir: "ltr" }, task.item.sentence),
      make("ol", {}, ...questions),
      make("div", { class: "answers" },
        button(`← ${text("no")}`, () => answer(false), { id: "no", class: "no" }),
        button(`${text("yes")} →`, () => answer(true), { id: "yes", class: "yes" })),
      back(),
      make("p", { class: "keys" }, text("keys_item")),
    ];
  }

  function pair(task) {
    const side = (name, id) => button(sentences.get(name).sentence, () => answer(name), { id, lang: "en", dir: "ltr" });
    return [
      word(task.left),
      make("h1", {}, text("choose")),
      make("div", { class: "pair" }, side(task.left, "left"), side(task.right, "right")),
      make("div", { class: "row" }, button(text("neither"), () => answer(null), { id: "neither", class: "wide" })),
      back(),
      make("p", { class: "keys" }, text("keys_pair")),
    ];
  }

  function end() {
    return [
      make("h1", {}, text("thanks")),
      make("p", {}, text("send")),
      make("div", { class: "row" }, button(text("save"), download, { id: "download", class: "main" }), button(text("another"), stop, { id: "another" })),
      back(),
    ];
  }

  document.addEventListener("keydown", (event) => {
    if (!reader || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const task = next();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let act;
    if (["Backspace", "u", "g"].includes(key)) act = undo;
    else if (task?.pair) {
      if (key === "ArrowLeft") act = () => answer(task.left);
      if (key === "ArrowRight") act = () => answer(task.right);
      if (key === "ArrowDown" || key === "0") act = () => answer(null);
    } else if (task) {
      if (["ArrowRight", "y", "e"].includes(key)) act = () => answer(true);
      if (["ArrowLeft", "n", "h"].includes(key)) act = () => answer(false);
    }
    if (!act) return;
    event.preventDefault();
    act();
  });
  addEventListener("beforeunload", (event) => {
    if (reader && reader.order.length && !kept) event.preventDefault();
  });

  try {
    const chosen = JSON.parse(localStorage.getItem(`${prefix}language`));
    if (chosen in data.texts) language = chosen;
  } catch {
    kept = false;
  }
  draw();
})();
