/** The first page of a reader study: who reads, their cases in order, the next one to begin. */
import * as api from "./api";
import { h } from "./dom";
import { describe } from "./session";
import type { Info, Worklist } from "./types";

const READER = "lesionloop-study-reader";
const STATES = { waiting: "waiting", open: "begun", done: "done ✓" } as const;

type Study = NonNullable<Info["reader_study"]>;

export async function worklistPage(
  root: HTMLElement,
  study: Study,
  open: (session: string) => void,
): Promise<void> {
  const who = h(
    "select",
    { id: "reader", onchange: () => void show() },
    h("option", { value: "" }, "Choose …"),
    ...study.readers.map((name) => h("option", { value: name }, name)),
  );
  const kept = sessionStorage.getItem(READER);
  if (kept && study.readers.includes(kept)) who.value = kept;
  const message = h("p", { class: "message", role: "alert" });
  const body = h("div");
  const begin = async (position: number, button: HTMLButtonElement) => {
    button.disabled = true;
    try {
      open((await api.beginCase(who.value, position)).id);
    } catch (error) {
      button.disabled = false;
      message.textContent = describe(error);
    }
  };
  const show = async () => {
    message.textContent = "";
    body.replaceChildren();
    if (!who.value) return;
    sessionStorage.setItem(READER, who.value);
    try {
      body.replaceChildren(...cases(await api.worklist(who.value), begin));
      body.querySelector("button")?.focus();
    } catch (error) {
      message.textContent = describe(error);
    }
  };
  root.replaceChildren(
    h(
      "main",
      { class: "start" },
      h("h1", {}, study.title),
      h("p", { class: "soft" }, "Reader study"),
      h("div", { class: "who" }, h("label", { for: "reader" }, "Reader"), who),
      message,
      body,
      h("p", { class: "soft small" }, "For research. Not a medical device."),
    ),
  );
  await show();
}

function cases(list: Worklist, begin: (position: number, button: HTMLButtonElement) => void): HTMLElement[] {
  const done = list.items.filter((item) => item.state === "done").length;
  const next = list.items.find((item) => item.position === list.next);
  const button = next && h(
    "button",
    { type: "button", class: "main", onclick: () => begin(next.position, button!) },
    `${next.state === "open" ? "Go on with" : "Begin"} ${next.label}`,
  );
  const until = list.not_before && list.not_before * 1000 > Date.now() ? new Date(list.not_before * 1000) : null;
  return [
    h("p", { class: "instructions" }, list.instructions),
    h(
      "p",
      { class: "next" },
      button ?? (done === list.items.length ? "All cases are read. Thank you." : "No case can be begun now."),
      until && h("span", { class: "soft" }, ` not before ${until.toLocaleString()}`),
      h("span", { class: "soft" }, `${done} of ${list.items.length} done`),
    ),
    h(
      "table",
      { class: "studies" },
      h("thead", {}, h("tr", {}, ...["No.", "Case", "How to read", "State"].map((t) => h("th", { scope: "col" }, t)))),
      h(
        "tbody",
        {},
        ...list.items.map((item) =>
          h(
            "tr",
            { "aria-current": item === next ? "step" : null },
            h("td", {}, String(item.position)),
            h("th", { scope: "row" }, item.label),
            h("td", {}, item.arm_text),
            h("td", {}, STATES[item.state]),
          ),
        ),
      ),
    ),
  ];
}

/** Begin what comes after a case; null when there is nothing to begin now. */
export async function beginNext(reader: string): Promise<string | null> {
  const { next } = await api.worklist(reader);
  return next === null ? null : (await api.beginCase(reader, next)).id;
}
