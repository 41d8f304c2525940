/** Light or dark: what the system says, until the reader chooses. */

const KEY = "lesionloop-theme";
export type Theme = "light" | "dark";

export function theme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

export function restoreTheme(): void {
  const kept = localStorage.getItem(KEY);
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
}

export function toggleTheme(): void {
  const next = theme() === "light" ? "dark" : "light";
  document.documentElement.dataset.theme = next;
  localStorage.setItem(KEY, next);
}
