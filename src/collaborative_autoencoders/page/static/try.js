// The page of `kedro try`. Titles and ids reach it as text only: `el` never makes HTML of them.

const REASONS = 2;
const WAIT_MS = 150;
const at = (id) => document.getElementById(id);
const state = { champions: [], shown: new Set(), picks: [], user: null, titles: [], active: -1, asked: 0, askedSimilar: 0 };

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The page's server does not answer: start it again with `kedro try`.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(answer.message ?? `The page's server failed (${response.status}): see its terminal.`);
  }
  return answer;
}

const later = (act, wait = WAIT_MS) => {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait);
  };
};
const say = (text) => (at("status").textContent = text);
const many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

// The search: a combobox with a listbox, as the ARIA Authoring Practices describe it.

const search = at("search");

function showFound(titles, active = titles.length ? 0 : -1) {
  state.titles = titles;
  state.active = active;
  at("found").replaceChildren(
    ...titles.map(({ title }, place) =>
      el("li", {
        role: "option",
        id: `found-${place}`,
        "aria-selected": String(place === active),
        onpointerdown: (event) => event.preventDefault(), // the field keeps the focus
        onclick: () => pick(titles[place]),
      }, title)));
  at("found").hidden = !titles.length;
  search.setAttribute("aria-expanded", String(titles.length > 0));
  if (active < 0) search.removeAttribute("aria-activedescendant");
  else {
    search.setAttribute("aria-activedescendant", `found-${active}`);
    at(`found-${active}`).scrollIntoView({ block: "nearest" });
  }
}

const find = later(async () => {
  const typed = search.value;
  if (!typed.trim()) return showFound([]);
  try {
    const picked = new Set(state.picks.map((each) => each.item_id));
    const found = (await ask(`titles?typed=${encodeURIComponent(typed)}`)).filter((each) => !picked.has(each.item_id));
    if (typed !== search.value) return; // more was typed meanwhile
    showFound(found);
    say(found.length ? `${many(found.length, "title")} found` : `No title has “${typed.trim()}”`);
  } catch (error) {
    say(error.message);
  }
});

search.addEventListener("input", find);
search.addEventListener("focus", find);
search.addEventListener("blur", () => showFound([]));
search.addEventListener("keydown", (event) => {
  const { titles, active } = state;
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move && titles.length) {
    event.preventDefault();
    showFound(titles, (active + move + titles.length) % titles.length);
  } else if (event.key === "Enter" && active >= 0) {
    event.preventDefault();
    pick(titles[active]);
  } else if (event.key === "Escape") {
    showFound([]);
  } else if (event.key === "Backspace" && !search.value && state.picks.length) {
    unpick(state.picks.length - 1);
  }
});

// What the person likes, and who they are.

function pick(item) {
  if (!state.picks.some((each) => each.item_id === item.item_id)) state.picks.push(item);
  search.value = "";
  showFound([]);
  showPicks();
  recommend();
}

function unpick(place) {
  state.picks.splice(place, 1);
  showPicks();
  (at("picks").querySelectorAll(".remove")[place] ?? search).focus();
  recommend();
}

function showPicks() {
  at("picks").replaceChildren(
    ...state.picks.map((item, place) =>
      el("li", { class: "chip" }, item.title, alike(item),
        el("button", { type: "button", class: "remove", "aria-label": `Remove ${item.title}`, onclick: () => unpick(place) }, "×"))));
}

at("asking-user").addEventListener("submit", async (event) => {
  event.preventDefault();
  const typed = at("user").value.trim();
  state.user = typed || null;
  await showRatings();
  recommend();
});

async function showRatings() {
  at("ratings").hidden = true;
  if (state.user === null) return;
  const user = state.user;
  try {
    const { known, n_ratings, ratings } = await ask(`ratings?user=${encodeURIComponent(user)}`);
    if (user !== state.user) return;
    const more = n_ratings > ratings.length ? `, the best ${ratings.length} here` : "";
    at("ratings").querySelector("summary").textContent = known
      ? `What user ${user} rated: ${many(n_ratings, "title")}${more}` : `No user has the id ${user}`;
    at("ratings").querySelector("ul").replaceChildren(
      ...ratings.map(({ title, rating }) =>
        el("li", {}, title, rating === null ? null : el("span", { class: "quiet" }, ` ${rating} ★`))));
    at("ratings").hidden = false;
  } catch (error) {
    say(error.message);
  }
}

// The lists.

const diversity = () => Number(at("diversify").value);

async function recommend() {
  const asked = ++state.asked;
  const shown = state.champions.filter(({ name }) => state.shown.has(name));
  const cards = new Map([...at("lists").children].map((card) => [card.dataset.model, card]));
  at("lists").replaceChildren(
    ...shown.map(({ name }) => cards.get(name) ?? el("article", { class: "panel card", "data-model": name }, el("h2", {}, name))));
  if (!shown.length) return say("No champion is chosen.");
  say(`Asking ${shown.map(({ name }) => name).join(", ")} …`);
  for (const card of at("lists").children) card.setAttribute("aria-busy", "true");
  await Promise.all(shown.map((champion) => fill(champion, asked)));
  if (asked === state.asked) say(`Lists for ${whom()}: ${shown.map(({ name }) => name).join(", ")}`);
}

function whom() {
  const picks = state.picks.length && many(state.picks.length, "pick");
  if (state.user !== null) return picks ? `user ${state.user} and ${picks}` : `user ${state.user}`;
  return picks || "nobody in particular: pick a title or a user";
}

async function fill(champion, asked) {
  const { name, diversifies } = champion;
  const request = { model: name, user: state.user, picks: state.picks.map((each) => each.item_id), n: Number(at("n").value), explain: REASONS };
  const degree = diversity();
  let content;
  try {
    const plain = ask("recommend", { ...request, diversify: 0 });
    const other = degree && diversifies ? ask("recommend", { ...request, diversify: degree }) : null;
    content = filled(champion, await plain, await other, degree);
  } catch (error) {
    content = [el("p", { class: "problem" }, error.message)];
  }
  const card = [...at("lists").children].find((each) => each.dataset.model === name);
  if (asked !== state.asked || !card) return;
  card.replaceChildren(head(champion), ...content);
  card.removeAttribute("aria-busy");
  card.classList.toggle("double", content.some((each) => each.classList.contains("pair")));
}

function head({ name, version, figure, about }) {
  return el("header", {},
    el("h2", {}, name),
    el("p", { class: "quiet" }, [`version ${version}`, figure].filter(Boolean).join(" · ")),
    el("p", { class: "quiet" }, about));
}

function filled(champion, plain, other, degree) {
  const notes = notesOn(champion, plain, degree).map((note) => el("p", { class: "note" }, note));
  if (!plain.length) return [...notes, el("p", {}, "Nothing is left to recommend.")];
  if (!other) return [...notes, list(plain)];
  const places = new Map(plain.map(({ item_id, rank }) => [item_id, rank]));
  return [...notes, el("div", { class: "pair" },
    list(plain, "As it ranks"), list(other, `Diversified ${degree}`, places))];
}

function notesOn({ name, version, explains, diversifies }, plain, degree) {
  const unknown = plain[0]?.unknown_items ?? 0;
  const asksMore = state.picks.length || state.user !== null;
  return [
    plain[0]?.source === "popularity" && asksMore && `${name} has no history to read here: these are the most popular titles.`,
    plain[0]?.source === "popularity" && !asksMore && "The most popular titles, until you pick one.",
    unknown > 0 && `${many(unknown, "pick")} of yours ${unknown === 1 ? "is" : "are"} not in its catalogue.`,
    !explains && `Version ${version} of ${name} does not offer reasons.`,
    degree > 0 && !diversifies && `Version ${version} of ${name} does not offer diversified lists.`,
  ].filter(Boolean);
}

function list(lines, heading = null, places = null) {
  return el("section", { class: "list" },
    heading && el("h3", {}, heading),
    el("ol", {}, ...lines.map((line) => el("li", {},
      el("span", { class: "rank", "aria-hidden": "true" }, String(line.rank)),
      el("div", { class: "what" },
        el("span", { class: "title" }, line.title), places && moved(line, places),
        line.reasons.length
          ? el("span", { class: "why" }, "because of ", ...line.reasons.flatMap(({ title }, n) => [n ? " · " : "", el("b", {}, title)]))
          : null),
      alike(line),
      el("button", { type: "button", class: "add", "aria-label": `Pick ${line.title}`, title: "I like this", onclick: () => pick(line) }, "+")))));
}

function moved({ item_id, rank }, places) {
  const before = places.get(item_id);
  if (before === undefined) return el("span", { class: "moved new" }, "new");
  if (before === rank) return null;
  return el("span", { class: "moved" }, before > rank ? `↑ ${before - rank}` : `↓ ${rank - before}`);
}

// Similar titles.

const alike = (item) =>
  el("button", { type: "button", class: "add", "aria-label": `Similar to ${item.title}`, title: "Similar titles", onclick: () => showSimilar(item) }, "≈");

async function showSimilar({ item_id, title }) {
  const asked = ++state.askedSimilar;
  const query = `item=${encodeURIComponent(item_id)}&n=${at("n").value}`;
  const shown = state.champions.filter(({ name }) => state.shown.has(name));
  const lists = await Promise.all(shown.map(async ({ name }) => {
    try {
      const lines = await ask(`similar?model=${encodeURIComponent(name)}&${query}`);
      return lines.length ? list(lines, name) : said(name, el("p", {}, "No title is similar."));
    } catch (error) {
      return said(name, el("p", { class: "problem" }, error.message));
    }
  }));
  if (asked !== state.askedSimilar) return;
  const close = () => (at("similar").hidden = true);
  at("similar").replaceChildren(
    el("header", { class: "row" }, el("h2", { id: "similar-title", tabindex: "-1" }, `Similar to ${title}`),
      el("button", { type: "button", class: "add", "aria-label": "Close", onclick: close }, "×")),
    el("div", { class: "pair" }, ...lists));
  at("similar").hidden = false;
  at("similar-title").focus();
  say(`Titles similar to ${title}: ${shown.map(({ name }) => name).join(", ")}`);
}

const said = (name, content) => el("section", { class: "list" }, el("h3", {}, name), content);

// What to show.

function showChampions() {
  at("champions").replaceChildren(
    ...state.champions.map(({ name, problem, figure }) =>
      el("label", { class: "pill" },
        el("input", { type: "checkbox", name, checked: state.shown.has(name), disabled: Boolean(problem),
          "aria-describedby": problem ? `problem-${name}` : null,
          onchange: ({ target }) => {
            if (target.checked) state.shown.add(name);
            else state.shown.delete(name);
            recommend();
          } }),
        el("span", {}, name, figure ? el("small", {}, ` ${figure.split(" ")[1]}`) : null))),
    ...state.champions.filter(({ problem }) => problem).map(({ name, problem }) =>
      el("p", { class: "problem", id: `problem-${name}` }, problem)));
}

const recommendLater = later(recommend, 250);
at("diversify").addEventListener("input", () => {
  at("diversify-shown").textContent = diversity() ? String(diversity()) : "off";
  recommendLater();
});
at("n").addEventListener("change", recommend);

async function showLeaderboard() {
  const { message, run, headings, rows } = await ask("leaderboard").catch((error) => ({ message: error.message }));
  at("run").textContent = message ?? `The run ${run}; the best of each column is bold.`;
  if (message) return;
  at("leaderboard").replaceChildren(el("table", {},
    el("thead", {}, el("tr", {}, ...headings.map((heading) => el("th", { scope: "col" }, heading)))),
    el("tbody", {}, ...rows.map(([model, ...cells]) => el("tr", {},
      el("th", { scope: "row" }, model),
      ...cells.map(([text, isBest]) => el("td", { class: isBest ? "best" : null }, text)))))));
}

function stop(message) {
  at("message").textContent = message;
  at("message").hidden = false;
}

async function start() {
  const { champions, message } = await ask("champions");
  if (message) return stop(message);
  state.champions = champions;
  const first = champions.find(({ problem }) => !problem);
  if (!first) return stop(champions[0].problem);
  state.shown.add(first.name);
  at("data").textContent = first.data;
  showChampions();
  at("page").hidden = false;
  search.focus();
  await Promise.all([recommend(), showLeaderboard()]);
}

start().catch((error) => stop(error.message));
