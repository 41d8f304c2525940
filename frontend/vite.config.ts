import { defineConfig } from "vite";

// Relative addresses, so that the page also works behind a proxy under another path. Assets are
// never inlined: the content security policy of the server allows files of its own only.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/lesionloop/viewer/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 4000,
  },
});
