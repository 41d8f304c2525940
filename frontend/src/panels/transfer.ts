/** One line for what comes in from outside: its name, how far it is, a way to end it, its outcome. */
import { h } from "../dom";

export class Transfer {
  readonly element: HTMLElement;
  private readonly bar = h("progress", { max: 1 });
  private readonly text = h("span", { class: "soft", role: "status" });
  private readonly notes = h("ul", { class: "notes" });
  private readonly button: HTMLButtonElement;
  private ended = false;

  constructor(name: string, cancel: () => void) {
    this.button = h("button", { type: "button", onclick: () => (this.ended ? this.element.remove() : cancel()) }, "Cancel");
    this.bar.setAttribute("aria-label", name);
    this.element = h(
      "li",
      { class: "transfer" },
      h("div", {}, h("strong", {}, name), this.bar, this.text, h("span", { class: "space" }), this.button),
      this.notes,
    );
  }

  /** How far it is, 0 to 1; null: not known. */
  progress(part: number | null, text: string): void {
    if (part === null) this.bar.removeAttribute("value");
    else this.bar.value = part;
    this.text.textContent = text;
  }

  finish(text: string, notes: readonly string[] = [], bad = false): void {
    this.ended = true;
    this.bar.hidden = true;
    this.text.textContent = text;
    this.text.className = bad ? "bad" : "";
    this.notes.replaceChildren(...notes.map((note) => h("li", { class: "soft small" }, note)));
    this.button.textContent = "Close";
  }
}
