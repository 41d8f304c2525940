/** The first page: who reads, and what there is to read. */
import * as api from "./api";
import { h } from "./dom";
import { describe } from "./session";
import type { StudyEntry } from "./types";

const READER = "lesionloop-reader";

export async function startPage(root: HTMLElement, open: (session: string) => void): Promise<void> {
  const reader = h("input", {
    id: "reader", name: "reader", autocomplete: "name", maxlength: 80, placeholder: "Name or initials",
  });
  reader.value = localStorage.getItem(READER) ?? "";
  const message = h("p", { class: "message", role: "alert" });
  const list = h("tbody");
  const about = h("p", { class: "soft" });
  root.replaceChildren(
    h(
      "main",
      { class: "start" },
      h("h1", {}, "lesionloop"),
      about,
      h("div", { class: "who" }, h("label", { for: "reader" }, "Reader"), reader),
      message,
      h(
        "table",
        { class: "studies" },
        h("thead", {}, h("tr", {}, ...["Study", "Tracer", "Format", "Sessions", ""].map((t) => h("th", { scope: "col" }, t)))),
        list,
      ),
      h("p", { class: "soft small" }, "For research. Not a medical device."),
    ),
  );
  const begin = async (study: StudyEntry, button: HTMLButtonElement) => {
    const name = reader.value.trim();
    if (!name) {
      message.textContent = "Say who reads: sessions are kept per reader.";
      reader.focus();
      return;
    }
    localStorage.setItem(READER, name);
    button.disabled = true;
    message.textContent = `Opening ${study.name} …`;
    try {
      open((await api.openSession(study.id, name)).id);
    } catch (error) {
      button.disabled = false;
      message.textContent = describe(error);
    }
  };
  const rows = (studies: StudyEntry[]) =>
    studies.map((study) => {
      const name = reader.value.trim();
      const mine = study.sessions.find((s) => s.reader === name);
      const button = h(
        "button",
        { type: "button", class: "main", "aria-label": `Open ${study.name}`, onclick: () => void begin(study, button) },
        mine ? (mine.done ? "Look again" : "Go on") : "Open",
      );
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, study.name),
        h("td", {}, study.tracer?.toUpperCase() ?? "–"),
        h("td", {}, study.kind),
        h("td", {}, study.sessions.map((s) => `${s.reader}${s.done ? " ✓" : ""}`).join(", ") || "–"),
        h("td", {}, button),
      );
    });
  try {
    const [info, studies] = await Promise.all([api.info(), api.studies()]);
    about.textContent = `${studies.length} ${studies.length === 1 ? "study" : "studies"} · segmenter ${info.segmenter} · version ${info.version}`;
    const fill = () =>
      list.replaceChildren(
        ...(studies.length
          ? rows(studies)
          : [h("tr", {}, h("td", { colspan: 5, class: "none" }, "No study in the data folder."))]),
      );
    fill();
    reader.addEventListener("input", fill);
  } catch (error) {
    message.textContent = `${describe(error)}. `;
    message.append(h("button", { type: "button", onclick: () => void startPage(root, open) }, "Try again"));
  }
}
