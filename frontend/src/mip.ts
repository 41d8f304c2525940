/**
 * The rotating maximum intensity projection: pictures from the server, one per ten degrees.
 *
 * A new mask makes new pictures. Until one has come, the old one stays on show.
 */
import * as api from "./api";
import { h } from "./dom";
import { sides } from "./geometry";
import type { Voxel } from "./types";

const STEP = 10;
const TURN_MS = 130;

export class Mip {
  readonly element: HTMLElement;
  private readonly image = h("img", { alt: "Maximum intensity projection", draggable: "false" });
  private readonly caption = h("span", { class: "mip-caption" });
  private readonly left = h("span", { class: "mip-letter left" });
  private readonly right = h("span", { class: "mip-letter right" });
  private readonly turnButton: HTMLButtonElement;
  private degrees = 0;
  private shown = -1;
  private timer: number | undefined;
  private loading = false;
  private wanted = false;
  private ready = new Map<number, HTMLImageElement>();
  private revision = -1;
  private look: api.MipLook = { theme: "dark", high: 10 };
  /** The window in words. */
  private window = "";

  constructor(
    private readonly sessionId: string,
    private readonly jump: (voxel: Voxel) => void,
  ) {
    this.turnButton = h(
      "button",
      { type: "button", class: "quiet", title: "Turn, or stop (R)", "aria-pressed": "false", onclick: () => this.toggle() },
      "Turn",
    );
    this.element = h(
      "div",
      { class: "mip", "aria-label": "Maximum intensity projection" },
      this.image,
      this.caption,
      this.left,
      this.right,
      h("span", { class: "mip-letter top" }, "H"),
      h("span", { class: "mip-letter bottom" }, "F"),
      this.turnButton,
    );
    this.listen();
  }

  /** Show the pictures of this state of the session. */
  update(revision: number, look: api.MipLook, window: string): void {
    const { theme, high } = this.look;
    if (revision === this.revision && look.theme === theme && look.high === high) return;
    this.revision = revision;
    this.look = look;
    this.window = window;
    this.element.dataset.theme = look.theme;
    this.ready.clear();
    this.shown = -1;
    this.show();
  }

  toggle(): void {
    if (this.timer === undefined) this.timer = window.setInterval(() => this.turn(1), TURN_MS);
    else {
      clearInterval(this.timer);
      this.timer = undefined;
    }
    const turning = this.timer !== undefined;
    this.turnButton.setAttribute("aria-pressed", String(turning));
    this.turnButton.textContent = turning ? "Stop" : "Turn";
  }

  close(): void {
    if (this.timer !== undefined) this.toggle();
  }

  private turn(steps: number): void {
    if (this.loading && this.timer !== undefined) return;
    this.degrees = (((this.degrees + steps * STEP) % 360) + 360) % 360;
    this.show();
  }

  private show(): void {
    if (this.revision < 0) return;
    if (this.loading) {
      this.wanted = true;
      return;
    }
    const { degrees, revision, look } = this;
    const got = this.ready.get(degrees);
    if (got) {
      this.display(got, degrees);
      return;
    }
    this.loading = true;
    const image = new Image();
    const finished = () => {
      this.loading = false;
      const again = this.wanted || revision !== this.revision || look !== this.look || degrees !== this.degrees;
      this.wanted = false;
      if (again) this.show();
    };
    image.onload = () => {
      if (revision === this.revision && look === this.look) {
        this.ready.set(degrees, image);
        this.display(image, degrees);
      }
      finished();
    };
    image.onerror = () => {
      this.loading = false;
      this.wanted = false;
    };
    image.src = api.mipAddress(this.sessionId, degrees, look, revision);
  }

  private display(image: HTMLImageElement, degrees: number): void {
    this.image.src = image.src;
    this.shown = degrees;
    this.caption.textContent = `MIP ${degrees}° · ${this.window}`;
    [this.left.textContent, this.right.textContent] = sides(degrees);
  }

  private listen(): void {
    let from: { x: number; degrees: number; moved: boolean } | null = null;
    this.image.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX, degrees: this.degrees, moved: false };
      this.image.setPointerCapture(event.pointerId);
    });
    this.image.addEventListener("pointermove", (event) => {
      if (!from) return;
      const dx = event.clientX - from.x;
      if (Math.abs(dx) > 5) from.moved = true;
      if (!from.moved) return;
      this.degrees = from.degrees;
      this.turn(Math.round(dx / 8));
    });
    this.image.addEventListener("pointerup", (event) => {
      const clicked = from && !from.moved;
      from = null;
      if (clicked) void this.pick(event);
    });
    this.element.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.turn(Math.sign(event.deltaY));
      },
      { passive: false },
    );
  }

  private async pick(event: MouseEvent): Promise<void> {
    if (this.shown < 0) return;
    // The picture keeps its shape inside the element: only where it lies counts.
    const box = this.image.getBoundingClientRect();
    const { naturalWidth, naturalHeight } = this.image;
    const scale = Math.min(box.width / naturalWidth, box.height / naturalHeight);
    const u = (event.clientX - box.left - (box.width - naturalWidth * scale) / 2) / (naturalWidth * scale);
    const v = (event.clientY - box.top - (box.height - naturalHeight * scale) / 2) / (naturalHeight * scale);
    if (u < 0 || v < 0 || u >= 1 || v >= 1) return;
    try {
      const { at } = await api.pickInMip(this.sessionId, this.shown, u, v);
      if (at) this.jump(at);
    } catch {
      // No lesion and no body there, or the server is gone, which the next event will tell.
    }
  }
}
