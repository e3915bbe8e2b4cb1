/** The Linux kernel's own 9P client, in a small guest without KVM: see `guest()`. */
export { guest, guestMissing } from "./guest.ts";
export type { GuestMount, GuestResult, GuestRun, Version } from "./guest.ts";
export { GUEST_PROJECT, guestProject, projectMissing } from "./project.ts";
export type { GuestProject } from "./project.ts";
