/*
 * Numbers the lines of its input, from `start` on.
 *
 * A translator reads standard input and writes standard output. Parameters come as arguments, `start=1`. What it
 * prints to standard error is in the log, and any exit code but 0 is an error for whoever reads the file.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 64 * 1024 };

static char input_buffer[BUFFER_BYTES];
static char output_buffer[BUFFER_BYTES];

/* Reads the parameter `start`. The manifest has its default, so it always comes. */
static bool parse_start(int argc, char **argv, int64_t *start) {
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "start=", 6) != 0) {
            fprintf(stderr, "Expected start=NUMBER and got %s\n", argv[i]);
            return false;
        }
        const char *value = argv[i] + 6;
        char *end;
        errno = 0;
        *start = strtoll(value, &end, 10);
        if (errno != 0 || end == value || *end != '\0') {
            fprintf(stderr, "Parameter start is a whole number, not %s\n", value);
            return false;
        }
    }
    return true;
}

/* Byte by byte: lines may have any length, and any bytes in them. */
static void number_lines(int64_t start) {
    bool at_line_start = true;
    for (int byte = getchar(); byte != EOF; byte = getchar()) {
        if (at_line_start) printf("%" PRId64 "\t", start++);
        putchar(byte);
        at_line_start = byte == '\n';
    }
}

int main(int argc, char **argv) {
    int64_t start = 1;
    if (!parse_start(argc, argv, &start)) return EXIT_FAILURE;
    setvbuf(stdin, input_buffer, _IOFBF, sizeof input_buffer);
    setvbuf(stdout, output_buffer, _IOFBF, sizeof output_buffer);
    number_lines(start);
    if (ferror(stdin) || fflush(stdout) != 0 || ferror(stdout)) {
        perror("Cannot read the input or write the output");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
