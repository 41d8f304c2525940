import { describe, expect, it } from "vitest";

import { bindingOf, heldBy } from "../src/keys";

const press = (key: string, more: Partial<KeyboardEvent> = {}) =>
  bindingOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more })?.action ?? null;

describe("keys", () => {
  it("knows letters with and without Shift", () => {
    expect(press("n")).toBe("next-place");
    expect(press("N", { shiftKey: true })).toBe("previous-place");
    expect(press("F", { shiftKey: true })).toBeNull();
    // Caps Lock is not Shift.
    expect(press("F")).toBe("tool-foreground");
  });

  it("takes signs as they come, with whatever Shift they need", () => {
    expect(press("?", { shiftKey: true })).toBe("help");
    expect(press("+", { shiftKey: true })).toBe("zoom-in");
  });

  it("undoes and redoes as other programs do", () => {
    expect(press("z", { ctrlKey: true })).toBe("undo");
    expect(press("z", { metaKey: true })).toBe("undo");
    expect(press("Z", { ctrlKey: true, shiftKey: true })).toBe("redo");
    expect(press("y", { ctrlKey: true })).toBe("redo");
  });

  it("leaves the browser its keys", () => {
    expect(press("r", { ctrlKey: true })).toBeNull();
    expect(press("f", { ctrlKey: true })).toBeNull();
    expect(press("a", { altKey: true })).toBeNull();
    expect(press("F5")).toBeNull();
  });

  it("ends what is held even when Shift came between", () => {
    expect(heldBy("H")?.action).toBe("compare");
    expect(heldBy("z")).toBeNull();
  });
});
