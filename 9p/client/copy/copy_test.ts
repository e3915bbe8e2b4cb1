import assert from "node:assert/strict";
import { mem } from "../../../servers/mem/mod.ts";
import { Errno } from "../../errno.ts";
import { errnoOf } from "../../error.ts";
import { DIALECTS } from "../../wire/field.ts";
import { served } from "../_served.ts";
import { Tree } from "../tree.ts";
import { copyTree } from "./copy.ts";
import { localSide } from "./local_side.ts";
import { remoteSide } from "./remote_side.ts";

const local = localSide();

async function sample(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/sub/empty`, { recursive: true });
  await Deno.mkdir(`${folder}/closed`);
  for (let i = 0; i < 60; i++) {
    await Deno.writeTextFile(`${folder}/sub/file-${i}`, `number ${i}\n`.repeat(i * 50));
  }
  await Deno.writeTextFile(`${folder}/closed/script`, "#!/bin/sh\n", { mode: 0o555 });
  await Deno.utime(`${folder}/sub/file-3`, 1_000_000_000, 1_100_000_000);
  await Deno.utime(`${folder}/sub`, 1_000_000_000, 1_200_000_000);
  await Deno.chmod(`${folder}/closed`, 0o555);
}

/** Every file's name, type, permissions, time to the second and contents. */
async function shown(folder: string): Promise<string[]> {
  const lines: string[] = [];
  const visit = async (path: string) => {
    const info = await Deno.lstat(path);
    const what = info.isSymlink
      ? await Deno.readLink(path)
      : info.isFile
      ? await Deno.readTextFile(path)
      : "";
    const seconds = info.isSymlink ? 0 : Math.floor(info.mtime!.getTime() / 1000);
    lines.push(`${path.slice(folder.length)} ${info.mode!.toString(8)} ${seconds} ${what}`);
    if (info.isDirectory) { for await (const { name } of Deno.readDir(path)) await visit(`${path}/${name}`); }
  };
  await visit(folder);
  return lines.sort();
}

for (const dialect of DIALECTS) {
  Deno.test(`copyTree brings a folder in, across and out again unchanged (${dialect})`, async () => {
    const folder = await Deno.makeTempDir();
    await using node = await served(mem());
    await using tree = await Tree.dial(node.address, { dialects: [dialect] });
    const remote = remoteSide(tree);
    try {
      await sample(`${folder}/in`);
      if (dialect !== "9P2000") await Deno.symlink("file-1", `${folder}/in/sub/link`);
      const seen: number[] = [];
      const result = await copyTree({ side: local, path: `${folder}/in` }, { side: remote, path: "/one" }, {
        onProgress: ({ bytes }) => seen.push(bytes),
      });
      assert.deepEqual([result.files, result.directories, result.failed], [61, 4, 0]);
      assert.equal(seen.at(-1), result.bytes);
      await copyTree({ side: remote, path: "/one" }, { side: remote, path: "/two" });
      // The second copy goes over the first.
      for (let round = 0; round < 2; round++) {
        await copyTree({ side: remote, path: "/two" }, { side: local, path: `${folder}/out` });
      }
      assert.deepEqual(await shown(`${folder}/out`), await shown(`${folder}/in`));
      assert.equal(tree.client.fids.inUse, 1);
    } finally {
      for (const one of ["in", "out"]) await Deno.chmod(`${folder}/${one}/closed`, 0o755).catch(() => {});
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("copyTree copies one file, and refuses a directory into itself", async () => {
  await using node = await served(mem());
  await using tree = await Tree.dial(node.address);
  const remote = remoteSide(tree);
  await tree.mkdir("/dir");
  await tree.writeFile("/dir/file", "x");
  const result = await copyTree({ side: remote, path: "/dir/file" }, { side: remote, path: "/copy" });
  assert.equal(result.files, 1);
  for (const path of ["/dir", "/dir/below"]) {
    await assert.rejects(
      copyTree({ side: remote, path: "/dir" }, { side: remote, path }),
      (thrown) => errnoOf(thrown) === Errno.EINVAL,
    );
  }
  await assert.rejects(
    copyTree({ side: remote, path: "/none" }, { side: remote, path: "/x" }),
    (thrown) => errnoOf(thrown) === Errno.ENOENT,
  );
});

Deno.test("copyTree goes on after a failure where it may, else ends with it", async () => {
  await using node = await served(mem());
  await using tree = await Tree.dial(node.address, { dialects: ["9P2000"] });
  const folder = await Deno.makeTempDir();
  try {
    await Deno.symlink("nowhere", `${folder}/link`);
    for (let i = 0; i < 20; i++) await Deno.writeTextFile(`${folder}/file-${i}`, "x");
    const failed: string[] = [];
    const from = { side: local, path: folder };
    const result = await copyTree(from, { side: remoteSide(tree), path: "/some" }, {
      onError: (path) => failed.push(path),
    });
    assert.deepEqual([failed, result.files, result.failed], [[`${folder}/link`], 20, 1]);
    await assert.rejects(
      copyTree(from, { side: remoteSide(tree), path: "/none" }),
      (thrown) => errnoOf(thrown) === Errno.EOPNOTSUPP,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("copyTree writes through no link that is in its way", async () => {
  await using node = await served(mem());
  await using tree = await Tree.dial(node.address);
  const folder = await Deno.makeTempDir();
  try {
    await tree.mkdir("/dir");
    await tree.writeFile("/dir/file", "from the server");
    await tree.mkdir("/dir/sub");
    await Deno.writeTextFile(`${folder}/outside`, "mine");
    await Deno.mkdir(`${folder}/out`);
    await Deno.symlink(`${folder}/outside`, `${folder}/out/file`);
    await Deno.symlink(folder, `${folder}/out/sub`);
    const result = await copyTree({ side: remoteSide(tree), path: "/dir" }, {
      side: local,
      path: `${folder}/out`,
    }, {
      onError: () => {},
    });
    assert.equal(result.failed, 2);
    assert.equal(await Deno.readTextFile(`${folder}/outside`), "mine");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("copyTree ends when its signal is aborted", async () => {
  await using node = await served(mem());
  await using tree = await Tree.dial(node.address);
  await tree.mkdir("/dir");
  for (let i = 0; i < 200; i++) await tree.writeFile(`/dir/${i}`, "x".repeat(1000));
  const aborter = new AbortController();
  const copying = copyTree(
    { side: remoteSide(tree), path: "/dir" },
    { side: remoteSide(tree), path: "/to" },
    {
      signal: aborter.signal,
      onProgress: ({ files }) => files > 20 && aborter.abort(),
    },
  );
  await assert.rejects(copying, { name: "AbortError" });
  assert.equal(tree.client.inFlight, 0);
  assert.equal(tree.client.fids.inUse, 1);
});
