import type { Command } from "commander";

/** A command by name; what it does is loaded when it is called. */
export interface CommandRow {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ define(command: Command): void }>;
}

export const COMMANDS: readonly CommandRow[] = [
  { name: "up", summary: "run a node in the foreground", load: () => import("./commands/up_usage.ts") },
  { name: "status", summary: "show how the node is", load: () => import("./commands/status.ts") },
  { name: "mount", summary: "mount the node's tree on a folder", load: () => import("./commands/mount.ts") },
  {
    name: "umount",
    summary: "take a mounted tree off its folder",
    load: () => import("./commands/umount.ts"),
  },
  { name: "ls", summary: "list files", load: () => import("./commands/ls.ts") },
  { name: "cat", summary: "print files", load: () => import("./commands/cat.ts") },
  { name: "get", summary: "copy files out of the tree", load: () => import("./commands/get.ts") },
  { name: "put", summary: "copy files into the tree", load: () => import("./commands/put.ts") },
  { name: "cp", summary: "copy within the tree", load: () => import("./commands/cp.ts") },
  { name: "mv", summary: "rename or move", load: () => import("./commands/mv.ts") },
  { name: "rm", summary: "remove files", load: () => import("./commands/rm.ts") },
  { name: "mkdir", summary: "make directories", load: () => import("./commands/mkdir.ts") },
  { name: "stat", summary: "show all that is known of a file", load: () => import("./commands/stat.ts") },
  {
    name: "tail",
    summary: "print the end of a file and what comes",
    load: () => import("./commands/tail.ts"),
  },
  {
    name: "why",
    summary: "show the reasons behind errors on a path",
    load: () => import("./commands/why.ts"),
  },
  { name: "bind", summary: "make a place show another place", load: () => import("./commands/bind.ts") },
  { name: "import", summary: "make a place show a remote tree", load: () => import("./commands/import.ts") },
  { name: "unmount", summary: "take back a bind or an import", load: () => import("./commands/unmount.ts") },
  { name: "ns", summary: "list what is mounted where", load: () => import("./commands/ns.ts") },
  {
    name: "trace",
    summary: "print the 9P messages between a client and a server",
    load: () => import("./commands/trace.ts"),
  },
  {
    name: "run",
    summary: "run translators on a file or the standard input, without a node",
    load: () => import("./commands/run.ts"),
  },
  {
    name: "explain",
    summary: "show how a computed file comes about",
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "translator",
    summary: "write, test and install translators",
    load: () => import("./commands/translator.ts"),
  },
  { name: "history", summary: "list the versions of a file", load: () => import("./commands/history.ts") },
  {
    name: "snapshot",
    summary: "name volumes as they are, compare them, go back",
    load: () => import("./commands/snapshot.ts"),
  },
  {
    name: "volume",
    summary: "make volumes, look at them, carry them",
    load: () => import("./commands/volume.ts"),
  },
  {
    name: "sync",
    summary: "make two copies of volumes one again",
    load: () => import("./commands/sync.ts"),
  },
  {
    name: "conflicts",
    summary: "show and end conflicts between copies",
    load: () => import("./commands/conflicts.ts"),
  },
  { name: "doctor", summary: "check this machine and the node", load: () => import("./commands/doctor.ts") },
  {
    name: "version",
    summary: "print the versions of the program and its parts",
    load: () => import("./commands/version.ts"),
  },
  {
    name: "completions",
    summary: "print a script that completes commands in a shell",
    load: () => import("./commands/completions.ts"),
  },
];
