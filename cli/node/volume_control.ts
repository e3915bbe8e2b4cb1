import { type Call, NineError } from "../../9p/mod.ts";
import { splitWords } from "../../servers/ctl/mod.ts";
import type { Volumes } from "./volumes.ts";

export interface VolumeControlOptions {
  readonly volumes: Volumes;
  /** Where a volume is mounted. */
  placesOf(name: string): string[];
  /** Whether it is mounted, or bound to somewhere else. */
  isServed(name: string): Promise<boolean>;
  /** Makes a volume and mounts it. */
  show(name: string, by: Call): Promise<void>;
  /** Mounts a volume that is new in the home, unless it has a place already. */
  serve(name: string, by: Call): Promise<void>;
  /** Takes away the past of a volume that is mounted nowhere. */
  hide(name: string, by: Call): void;
  /** Tells that files at a path became what they were. */
  restored(path: string, by: Call): Promise<void>;
}

/** What the lines of `/ctl` do that begin with `volume` and `snapshot`. */
export function volumeControl(options: VolumeControlOptions): (line: string, by: Call) => Promise<void> {
  const { volumes } = options;

  async function restore(words: string[], by: Call): Promise<void> {
    const [volume, name, before, path = ""] = words;
    checkSnapshotName(before);
    const names = namesIn(path);
    await (await volumes.store(volume)).restore(name, names, before, by.user.name);
    for (const at of options.placesOf(volume)) {
      await options.restored([at.replace(/\/$/, ""), ...names].join("/") || "/", by);
    }
  }

  async function remove(name: string, by: Call): Promise<void> {
    if (volumes.served().includes(name) && await options.isServed(name)) {
      const at = options.placesOf(name).map((path) => `at ${path}`).join(" and ") || "where it was bound to";
      throw new NineError("EBUSY", `The volume ${name} is served ${at}: unmount it there first`);
    }
    await volumes.remove(name, () => options.hide(name, by));
  }

  return async (line, by) => {
    const [command, action, ...words] = splitWords(line);
    const [name, snapshot] = words;
    switch (`${command} ${action} ${words.length}`) {
      case "volume create 1":
        return await options.show(name, by);
      case "volume serve 1":
        return await options.serve(name, by);
      case "volume rm 1":
        return await remove(name, by);
      case "volume gc 1":
        return await (await volumes.store(name)).collect();
      case "snapshot create 2":
        checkSnapshotName(snapshot);
        return await (await volumes.store(name)).snapshot(snapshot, by.user.name);
      case "snapshot rm 2":
        return await (await volumes.store(name)).unsnapshot(snapshot, by.user.name);
      case "snapshot restore 3":
      case "snapshot restore 4":
        return await restore(words, by);
    }
    throw new NineError(
      "EINVAL",
      `${JSON.stringify(line)}: write volume create|serve|gc|rm NAME, snapshot create|rm VOLUME NAME or ` +
        "snapshot restore VOLUME NAME NAME-OF-WHAT-WAS-BEFORE [PATH]",
    );
  };
}

function checkSnapshotName(name: string): void {
  if (/^[^/@\0][^/\0]{0,199}$/.test(name) && name !== "." && name !== "..") return;
  throw new NineError(
    "EINVAL",
    `${JSON.stringify(name)} is no name for a snapshot: no "/", no "@" first, at most 200`,
  );
}

/** The names of a path from the root of a volume on. */
function namesIn(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (!names.includes("..")) return names;
  throw new NineError("EINVAL", `${JSON.stringify(path)} has .. in it: say the path without it`);
}
