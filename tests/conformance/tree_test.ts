import { conformance } from "./steps.ts";
import { startTreeMem, startTreeRoot } from "./subjects/tree.ts";

conformance("a namespace, a folder at its root", startTreeRoot);
conformance("a namespace, a tree in memory at /mem", startTreeMem);
