import { compareBytes } from "../tree/mod.ts";
import { type Hello, PROTOCOL, type Stranger } from "./messages.ts";
import type { Self } from "./sync_store.ts";

/** Why this copy has nothing to exchange with who says hello; undefined where it may have. */
export function whyStrange(
  self: Self,
  peer: Hello | Stranger,
): { readonly code: "protocol" | "format" | "volume"; readonly reason: string } | undefined {
  if (peer.kind === "stranger") {
    const newer = peer.protocol > PROTOCOL ? "update this one" : "update it";
    return {
      code: "protocol",
      reason:
        `The other program speaks protocol ${peer.protocol} of copies, and this one ${PROTOCOL}: ${newer}`,
    };
  }
  if (peer.format !== self.format) {
    const newer = peer.format > self.format ? "update this program" : "update that program";
    return {
      code: "format",
      reason: `The other copy has format ${peer.format} of volumes, and this one ${self.format}: ${newer}`,
    };
  }
  if (compareBytes(peer.volume, self.volume) !== 0) {
    return { code: "volume", reason: "The other side has another volume" };
  }
  return undefined;
}
