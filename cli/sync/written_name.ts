import { Exit } from "../exit.ts";
import { VOLUME_NAME, VOLUME_NAME_PROBLEM } from "../node/volumes.ts";

/** Exit code 2 where somebody wrote what cannot be a volume's name. */
export function checkWrittenName(name: string): void {
  if (VOLUME_NAME.test(name)) return;
  throw new Exit("usage", `${JSON.stringify(name)} is no name for a volume: it ${VOLUME_NAME_PROBLEM}`);
}
