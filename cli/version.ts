/** Of the program; the changelog says what is in it. */
export const VERSION = "0.1.0";
