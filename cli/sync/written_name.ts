import { reasonOf } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { checkVolumeName } from "../node/volumes.ts";

/** Exit code 2 where somebody wrote what cannot be a volume's name. */
export function checkWrittenName(name: string): void {
  try {
    checkVolumeName(name);
  } catch (thrown) {
    throw new Exit("usage", reasonOf(thrown));
  }
}
