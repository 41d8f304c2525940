/** The first page: who reads, and what there is to read. */
import * as api from "./api";
import { h } from "./dom";
import { PacsPanel } from "./panels/pacs";
import { StudiesTable } from "./panels/studies";
import { UploadPanel } from "./panels/uploads";
import { describe } from "./session";
import type { Info, StudyEntry } from "./types";
import { worklistPage } from "./worklist";

const READER = "lesionloop-reader";

/** Kept while the page is: uploads go on while a study is read. */
const uploads = new UploadPanel();
let pacs: PacsPanel | null = null;

export async function startPage(root: HTMLElement, open: (session: string) => void): Promise<void> {
  const page = h("main", { class: "start" }, h("h1", {}, "lesionloop"), h("p", { class: "soft" }, "…"));
  root.replaceChildren(page);
  try {
    const about = await api.info();
    if (about.reader_study) await worklistPage(root, about.reader_study, open);
    else await listPage(root, about, open);
  } catch (error) {
    page.lastElementChild?.remove();
    page.append(
      h("p", { class: "message", role: "alert" }, describe(error)),
      h("button", { type: "button", onclick: () => void startPage(root, open) }, "Try again"),
    );
  }
}

async function listPage(root: HTMLElement, info: Info, open: (session: string) => void): Promise<void> {
  let studies: StudyEntry[] = [];
  const reader = h("input", {
    id: "reader", name: "reader", autocomplete: "name", maxlength: 80, placeholder: "Name or initials",
  });
  reader.value = localStorage.getItem(READER) ?? "";
  const message = h("p", { class: "message", role: "alert" });
  const about = h("p", { class: "soft" });
  const table = new StudiesTable({
    open: (study, button) => void begin(study, button),
    remove: (study) => void remove(study),
  });
  const fill = () => {
    about.textContent = `${studies.length} ${studies.length === 1 ? "study" : "studies"} · segmenter ${info.segmenter} · version ${info.version}`;
    table.update(studies, reader.value.trim());
  };
  const reload = async () => {
    try {
      studies = await api.studies();
      fill();
    } catch (error) {
      message.textContent = describe(error);
    }
  };
  const begin = async (study: StudyEntry, button: HTMLButtonElement) => {
    const name = reader.value.trim();
    if (!name) {
      message.textContent = "Say who reads: sessions are kept per reader.";
      reader.focus();
      return;
    }
    localStorage.setItem(READER, name);
    button.disabled = true;
    message.textContent = "";
    try {
      open((await api.openSession(study.id, name)).id);
    } catch (error) {
      button.disabled = false;
      message.textContent = describe(error);
    }
  };
  const remove = async (study: StudyEntry) => {
    const { upload } = study;
    const together = upload ? studies.filter((other) => other.upload === upload) : [study];
    if (!confirm(`Remove from the server: ${together.map((s) => s.name).join(", ")}?`)) return;
    try {
      await (upload ? api.removeUpload(upload) : api.removeStudy(study.id));
      message.textContent = "";
    } catch (error) {
      message.textContent = describe(error);
    }
    await reload();
  };
  reader.addEventListener("input", fill);
  uploads.changed = () => void reload();
  if (info.pacs) pacs ??= new PacsPanel(info.pacs);
  if (pacs) pacs.changed = () => void reload();
  const page = h(
    "main",
    { class: "start" },
    h("h1", {}, "lesionloop"),
    about,
    h("div", { class: "who" }, h("label", { for: "reader" }, "Reader"), reader),
    message,
    table.element,
    uploads.element,
    pacs?.element,
    h("p", { class: "soft small" }, "For research. Not a medical device."),
  );
  uploads.takeFrom(page);
  studies = await api.studies();
  fill();
  root.replaceChildren(page);
}
