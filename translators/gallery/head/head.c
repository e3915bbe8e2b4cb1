/* Prints the first lines of the input, or its first bytes, like `head -n` and `head -c`. */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A read of this size costs far less than the work on it. */
enum { BUFFER_BYTES = 64 * 1024 };

static char buffer[BUFFER_BYTES];

/* How much to print: lines unless `count_bytes`. */
struct amount {
    bool count_bytes;
    uint64_t left;
};

/* A number in decimal digits only; false for anything else. strtoull would take signs, blanks and what follows. */
static bool parse_number(const char *text, uint64_t *number) {
    uint64_t value = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

/* Reads the parameters of the manifest, which come as NAME=VALUE. */
static bool parse(int argc, char **argv, struct amount *amount) {
    for (int i = 1; i < argc; i++) {
        bool is_bytes = strncmp(argv[i], "bytes=", 6) == 0;
        if (!is_bytes && strncmp(argv[i], "n=", 2) != 0) {
            fprintf(stderr, "Expected n=NUMBER or bytes=NUMBER and got %s\n", argv[i]);
            return false;
        }
        const char *value = strchr(argv[i], '=') + 1;
        uint64_t number;
        if (!parse_number(value, &number)) {
            fprintf(stderr, "Parameter %s is a whole number from 0 to %" PRIu64 ", not %s\n",
                    is_bytes ? "bytes" : "n", UINT64_MAX, value);
            return false;
        }
        /* Lines have a default, so bytes, which have none, are what was asked for. */
        if (is_bytes || !amount->count_bytes) *amount = (struct amount){is_bytes, number};
    }
    return true;
}

/* How many of the bytes to print. Takes them off what is left. */
static size_t take(struct amount *amount, const char *bytes, size_t count) {
    if (amount->count_bytes) {
        size_t taken = count < amount->left ? count : (size_t)amount->left;
        amount->left -= taken;
        return taken;
    }
    const char *at = bytes;
    while (amount->left > 0) {
        const char *newline = memchr(at, '\n', (size_t)(bytes + count - at));
        if (newline == NULL) return count;
        at = newline + 1;
        amount->left--;
    }
    return (size_t)(at - bytes);
}

static bool write_all(const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, count);
        if (written < 0) {
            if (errno == EINTR) continue;
            return false;
        }
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

int main(int argc, char **argv) {
    struct amount amount = {false, 10};
    if (!parse(argc, argv, &amount)) return 2;
    while (amount.left > 0) {
        ssize_t count = read(STDIN_FILENO, buffer, BUFFER_BYTES);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            perror("Cannot read the input");
            return 1;
        }
        if (count == 0) break;
        if (!write_all(buffer, take(&amount, buffer, (size_t)count))) {
            perror("Cannot write the output");
            return 1;
        }
    }
    return 0;
}
