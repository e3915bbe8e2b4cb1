import { visible } from "../output.ts";

/** What a capability means, for people. What this lux9 does not know is shown as it came. */
export function requestText(request: { readonly read: string }): string {
  const { read, ...more } = request;
  const rest = Object.keys(more).length === 0 ? "" : `, ${visible(JSON.stringify(more))}`;
  return `to read ${visible(read)} in the tree, as whoever reads its output${rest}`;
}
