/** Questions that stop the reader for a moment: what to send to the archive, how sure they are. */
import * as api from "../api";
import { h } from "../dom";
import { describe } from "../session";

const KINDS = [
  ["seg.dcm", "Segmentation (SEG)"],
  ["rtstruct.dcm", "Contours (RTSTRUCT)"],
  ["sr.dcm", "Measurement report (SR)"],
] as const;
const SURENESS = ["1 not sure", "2", "3", "4", "5 very sure"];

function show(dialog: HTMLDialogElement): void {
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Send results of a session to the archive and tell what came of it. */
export function storeDialog(session: string, pacs: string): void {
  const boxes = KINDS.map(([what]) => h("input", { type: "checkbox", name: what, checked: true }));
  const said = h("p", { class: "message", role: "status" });
  const send = h("button", { type: "button", class: "main", onclick: () => void act() }, "Send");
  const act = async () => {
    const what = KINDS.map(([kind]) => kind).filter((_, i) => boxes[i].checked);
    if (!what.length) {
      said.textContent = "Choose what to send.";
      return;
    }
    send.disabled = true;
    said.textContent = "Sending …";
    try {
      const { stored } = await api.storeInPacs(session, what);
      said.textContent = `${pacs} has ${stored.map((s) => s.what).join(", ")}.`;
    } catch (error) {
      // The server says what was stored and what was not.
      said.textContent = describe(error);
    } finally {
      send.disabled = false;
    }
  };
  show(
    h(
      "dialog",
      { class: "ask", "aria-label": `Send to ${pacs}` },
      h("h2", {}, `Send to ${pacs}`),
      ...KINDS.map(([, name], i) => h("label", { class: "check" }, boxes[i], name)),
      said,
      h("form", { method: "dialog" }, send, h("button", {}, "Close")),
    ),
  );
}

export interface Finished {
  confidence: number | null;
  /** Whether to go on with the next case. */
  next: boolean;
}

/** Ask how sure the reader is; null when they are not done after all. */
export function doneDialog(): Promise<Finished | null> {
  return new Promise((resolve) => {
    const group = h(
      "fieldset",
      { class: "sure" },
      h("legend", {}, "How sure are you of this reading? (need not be said)"),
      ...SURENESS.map((text, i) =>
        h("label", { class: "check" }, h("input", { type: "radio", name: "sure", value: i + 1 }), text),
      ),
    );
    const dialog = h(
      "dialog",
      { class: "ask", "aria-label": "Done with this case" },
      h("h2", {}, "Done with this case"),
      group,
      h(
        "form",
        { method: "dialog" },
        h("button", { class: "main", value: "next" }, "Done, next case"),
        h("button", { value: "list" }, "Done, take a break"),
        h("button", { value: "" }, "Go on reading"),
      ),
    );
    dialog.addEventListener("close", () => {
      const chosen = group.querySelector<HTMLInputElement>("input:checked");
      resolve(
        dialog.returnValue
          ? { confidence: chosen ? Number(chosen.value) : null, next: dialog.returnValue === "next" }
          : null,
      );
    });
    show(dialog);
  });
}
