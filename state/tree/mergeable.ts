/** Longer texts are never merged. */
export const MERGE_BYTES_MAX = 64 * 1024;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether bytes are text that may be merged: UTF-8 without zero bytes, and not too long. */
export function isMergeable(bytes: Uint8Array): boolean {
  return mergeableText(bytes) !== undefined;
}

/** Undefined for what may not be merged. */
export function mergeableText(bytes: Uint8Array): string | undefined {
  if (bytes.length > MERGE_BYTES_MAX || bytes.includes(0)) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
