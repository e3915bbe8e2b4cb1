/**
 * The tree of a node: file servers mounted, bound and unioned, behind one guard, with events for every change.
 *
 * @module
 */
export { type ChangeEvent, Events, type View } from "./events.ts";
export { type MountOptions, Namespace, type Order } from "./namespace.ts";
export { checkChange, permits, Want } from "./permission.ts";
export { namesOf, type Owner } from "./tree.ts";
