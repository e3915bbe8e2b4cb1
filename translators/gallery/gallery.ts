import { fileURLToPath } from "node:url";

/** The modules of this folder; `deno task gallery` builds them. Each NAME/ holds module.wasm, manifest.yaml, its source and NOTICE. */
export const GALLERY = [
  "csv2json",
  "grep",
  "gunzip",
  "gzip",
  "head",
  "jq",
  "md2html",
  "sha256",
  "sort",
  "wc",
] as const;

export type GalleryName = typeof GALLERY[number];

export function galleryFolder(name: GalleryName): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
