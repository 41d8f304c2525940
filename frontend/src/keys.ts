/** The keys, as data: what is pressed, what it does, what the help says. */

export type Action =
  | "tool-point" | "tool-foreground" | "tool-background" | "tool-outline" | "thinner" | "thicker"
  | "collect" | "run" | "cancel-collected"
  | "undo" | "redo" | "compare" | "mask"
  | "pet-0" | "pet-1" | "pet-2" | "pet-3" | "pet-4"
  | "ct-0" | "ct-1" | "ct-2" | "ct-3"
  | "fusion-less" | "fusion-more" | "fusion-cycle" | "map"
  | "next-place" | "previous-place" | "next-lesion" | "previous-lesion"
  | "accept" | "lock" | "reject"
  | "left" | "right" | "up" | "down" | "slice-next" | "slice-previous"
  | "zoom-in" | "zoom-out" | "zoom-reset" | "layout" | "maximise" | "rotate" | "theme" | "help" | "close";

export interface Binding {
  /** As `KeyboardEvent.key` says it, letters in lower case. */
  keys: readonly string[];
  action: Action;
  /** Held down: the release ends it. */
  hold?: boolean;
}

export interface Group {
  title: string;
  lines: readonly { show: string; does: string; bindings: readonly Binding[] }[];
}

const one = (key: string, action: Action, hold = false): Binding => ({ keys: [key], action, hold });

export const GROUPS: readonly Group[] = [
  {
    title: "Scribble",
    lines: [
      { show: "V", does: "Point: click moves the crosshair", bindings: [one("v", "tool-point")] },
      { show: "F", does: "Foreground pen: this is lesion", bindings: [one("f", "tool-foreground")] },
      { show: "B", does: "Background pen: this is not", bindings: [one("b", "tool-background")] },
      { show: "G", does: "Outline, where the mask is drawn by hand", bindings: [one("g", "tool-outline")] },
      { show: "[  ]", does: "Thinner, thicker pen", bindings: [one("[", "thinner"), one("]", "thicker")] },
      { show: "C", does: "Collect strokes, or run each at once", bindings: [one("c", "collect")] },
      { show: "Enter", does: "Run the collected strokes", bindings: [one("Enter", "run")] },
    ],
  },
  {
    title: "Correct and check",
    lines: [
      {
        show: "Z / Ctrl+Z",
        does: "Undo",
        bindings: [{ keys: ["z", "ctrl+z"], action: "undo" }],
      },
      {
        show: "Y / Ctrl+Y",
        does: "Redo",
        bindings: [{ keys: ["y", "ctrl+y", "ctrl+shift+z"], action: "redo" }],
      },
      { show: "H (hold)", does: "Show the first mask", bindings: [one("h", "compare", true)] },
      { show: "M (hold)", does: "Hide the mask", bindings: [one("m", "mask", true)] },
      {
        show: "N / Shift+N",
        does: "Next, previous place to look at",
        bindings: [one("n", "next-place"), one("shift+n", "previous-place")],
      },
      {
        show: "J / K",
        does: "Next, previous lesion",
        bindings: [one("j", "next-lesion"), one("k", "previous-lesion")],
      },
      { show: "A", does: "Accept the lesion", bindings: [one("a", "accept")] },
      { show: "L", does: "Lock the lesion, or unlock it", bindings: [one("l", "lock")] },
      { show: "X", does: "Reject the lesion", bindings: [one("x", "reject")] },
    ],
  },
  {
    title: "Picture",
    lines: [
      {
        show: "1 – 5",
        does: "PET window: 0–5, 0–7, 0–10, 0–15, 0–20",
        bindings: [0, 1, 2, 3, 4].map((i) => one(String(i + 1), `pet-${i}` as Action)),
      },
      {
        show: "6 – 9",
        does: "CT window: soft tissue, lung, bone, brain",
        bindings: [0, 1, 2, 3].map((i) => one(String(i + 6), `ct-${i}` as Action)),
      },
      { show: "T", does: "Fused, PET alone, CT alone", bindings: [one("t", "fusion-cycle")] },
      {
        show: ",  .",
        does: "More CT, more PET",
        bindings: [one(",", "fusion-less"), one(".", "fusion-more")],
      },
      { show: "I", does: "Inverted grey, hot iron", bindings: [one("i", "map")] },
      { show: "O", does: "Which plane is large", bindings: [one("o", "layout")] },
      { show: "Space", does: "The plane under the mouse alone", bindings: [one(" ", "maximise")] },
      { show: "R", does: "Turn the MIP, or stop it", bindings: [one("r", "rotate")] },
      {
        show: "+  –  0",
        does: "Zoom about the crosshair, whole body",
        bindings: [{ keys: ["+", "="], action: "zoom-in" }, one("-", "zoom-out"), one("0", "zoom-reset")],
      },
    ],
  },
  {
    title: "Move",
    lines: [
      {
        show: "Arrows",
        does: "Crosshair by a voxel, in the plane under the mouse",
        bindings: [
          one("ArrowLeft", "left"),
          one("ArrowRight", "right"),
          one("ArrowUp", "up"),
          one("ArrowDown", "down"),
        ],
      },
      {
        show: "PgUp  PgDn",
        does: "Slice by slice, as the wheel does",
        bindings: [one("PageUp", "slice-previous"), one("PageDown", "slice-next")],
      },
      { show: "D", does: "Light or dark", bindings: [one("d", "theme")] },
      { show: "?", does: "This list", bindings: [one("?", "help")] },
      { show: "Esc", does: "Close; drop what is being drawn", bindings: [one("Escape", "close")] },
    ],
  },
];

/** With the mouse, for the help. */
export const MOUSE: readonly (readonly [string, string])[] = [
  ["Left", "draw with a pen, move the crosshair with Point"],
  ["Right, pen chosen", "draw the other label"],
  ["Shift + left", "move the crosshair while a pen is chosen"],
  ["Wheel", "slices; with Ctrl: zoom"],
  ["Middle, drag", "move the zoomed picture"],
];

const TABLE = new Map<string, Binding>();
for (const group of GROUPS)
  for (const line of group.lines)
    for (const binding of line.bindings)
      for (const key of binding.keys) {
        if (TABLE.has(key)) throw new Error(`the key ${key} has two meanings`);
        TABLE.set(key, binding);
      }

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

/** What a key press means, or null. */
export function bindingOf(event: Pressed): Binding | null {
  if (event.altKey) return null;
  const letter = /^[a-z]$/i.test(event.key);
  let name = letter ? event.key.toLowerCase() : event.key;
  // Shift is part of what a sign is ("?"), but not of what a letter is.
  if (event.shiftKey && letter) name = `shift+${name}`;
  if (event.ctrlKey || event.metaKey) name = `ctrl+${name}`;
  return TABLE.get(name) ?? null;
}

/** The released key ends what its press began, whatever was done with Shift between. */
export function heldBy(key: string): Binding | null {
  const binding = TABLE.get(/^[a-z]$/i.test(key) ? key.toLowerCase() : key);
  return binding?.hold ? binding : null;
}
