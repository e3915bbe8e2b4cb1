import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Disk, realDisk, SimulatedDisk } from "../disk/mod.ts";
import { DatabaseGuard } from "../guard/mod.ts";
import { DATABASE, GUARD, LOG, PACKS } from "../volume/mod.ts";
import { noteContents } from "./clone_absent.ts";
import { CHOICE } from "./copy_keeper.ts";
import { type Neglect, PoweredCopy, type Wiring } from "./_powered_copy.ts";
import { PoweredDisk } from "./_powered_disk.ts";
import { SteppingClock } from "./_stepping_clock.ts";

/** The volume that all schedules begin with. */
export interface Template {
  readonly database: Uint8Array;
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
}

const FOLDERS = [LOG, PACKS];

export interface Templates {
  readonly whole: Template;
  /** The same without contents, as a clone has it to which these come when they are read. */
  readonly onDemand: Template;
}

let made: Promise<Templates> | undefined;

/** They are made once. */
export function templates(): Promise<Templates> {
  return made ??= makeTemplates();
}

async function makeTemplates(): Promise<Templates> {
  const folder = Deno.makeTempDirSync({ prefix: "lux9-apart-", dir: fastest() });
  try {
    const simulated = new SimulatedDisk();
    const wiring = { clock: new SteppingClock(), folder, number: 9, draws: 0 };
    const copy = await PoweredCopy.open(wiring, new PoweredDisk(folder, simulated));
    copy.mkdir("a");
    copy.write("b", "begun\n");
    copy.write("d.md", "begun\n");
    await copy.catchUp();
    copy.write("a/c", "begun\n");
    await copy.catchUp();
    copy.keeper.share();
    const { applied } = copy.keeper;
    copy.close();
    const paths = FOLDERS.flatMap((below) => simulated.list(below).map((name) => `${below}/${name}`));
    const whole = read(folder, simulated, [GUARD, ...paths]);
    emptied(folder, applied);
    return { whole, onDemand: read(folder, realDisk(folder), [GUARD]) };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function read(folder: string, disk: Disk, paths: readonly string[]): Template {
  const files = paths.map((path) => {
    const file = disk.open(path);
    const bytes = new Uint8Array(file.size());
    file.pread(bytes, 0);
    file.close();
    return { path, bytes };
  });
  return { database: Deno.readFileSync(join(folder, DATABASE)), files };
}

/** Makes of the database in a folder one of a clone that has no contents. */
function emptied(folder: string, applied: number): void {
  const guard = new DatabaseGuard(realDisk(folder));
  guard.open(0);
  const db = new DatabaseSync(join(folder, DATABASE));
  db.exec("BEGIN IMMEDIATE; DELETE FROM chunk");
  db.prepare("INSERT INTO meta(key, value) VALUES(?, 'on-demand')").run(CHOICE);
  noteContents(db);
  db.exec("COMMIT");
  guard.before();
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  guard.remake();
  guard.broughtOver(applied);
  guard.closing(() => db.close(), applied);
  guard[Symbol.dispose]();
}

export function copyTo(
  { database, files }: Template,
  folder: string,
  number: number,
  neglects?: Neglect,
): Promise<PoweredCopy> {
  Deno.mkdirSync(folder);
  Deno.writeFileSync(join(folder, DATABASE), database);
  const disk = new SimulatedDisk({ seed: number });
  for (const below of FOLDERS) disk.makeFolder(below);
  for (const { path, bytes } of files) {
    const file = disk.open(path, { create: true });
    file.pwrite(bytes, 0);
    file.syncBlocking();
  }
  for (const below of ["", ...FOLDERS]) disk.syncFolderBlocking(below);
  const clock = new SteppingClock();
  clock.step(1000);
  clock.skewSec = [0, 0, -300, 2000, 7][number];
  const wiring: Wiring = { clock, folder, number, draws: 0, neglects };
  return PoweredCopy.open(wiring, new PoweredDisk(folder, disk, neglects));
}

/** Memory, where there is a file system of that kind: what a disk would lose is simulated. */
export function fastest(): string | undefined {
  try {
    return Deno.statSync("/dev/shm").isDirectory ? "/dev/shm" : undefined;
  } catch {
    return undefined;
  }
}
