import { NONUNAME } from "../../9p/principal.ts";
import type { Dialect } from "../../9p/wire/field.ts";
import { Client } from "../conformance/client.ts";
import { Refused, Wire } from "../conformance/wire.ts";
import { errnoOfPhrase } from "../../9p/errno.ts";
import { Errno, type ErrnoName } from "../../9p/errno.ts";
import assert from "node:assert/strict";

export interface ConnectOptions {
  readonly address?: string;
  readonly dialect?: Dialect;
  readonly msize?: number;
  readonly uname?: string;
  readonly nUname?: number;
  readonly aname?: string;
}

/** A client whose fid 0 is attached. */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Client> {
  const wire = await Wire.dial(address);
  try {
    await wire.version(options.msize ?? 64 * 1024, options.dialect ?? "9P2000.L");
    const client = new Client(wire);
    await client.attach(
      client.root,
      options.aname ?? "",
      options.uname ?? "scenario",
      options.nUname ?? NONUNAME,
    );
    return client;
  } catch (thrown) {
    wire.close();
    throw thrown;
  }
}

/** The request is refused with that errno, whatever the dialect says it by. */
export async function refuses(errno: ErrnoName, request: Promise<unknown>, message?: string): Promise<void> {
  await assert.rejects(request, (thrown) => {
    assert.ok(thrown instanceof Refused, `${message ?? ""} ${thrown}`);
    assert.equal(
      thrown.errno ?? errnoOfPhrase(thrown.text ?? ""),
      Errno[errno],
      `${message ?? ""} ${thrown}`,
    );
    return true;
  });
}
