/* Reads requests as JSON lines, writes answers. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

enum { MOST_ENGINES = 16 };

long handles;

static struct {
    char name[64];
    layerkit_engine *engine;
} engines[MOST_ENGINES];

void trouble(struct request *request, const char *format, ...) {
    va_list arguments;
    if (request->trouble[0]) return;
    va_start(arguments, format);
    vsnprintf(request->trouble, sizeof request->trouble, format, arguments);
    va_end(arguments);
}

void *keep(struct request *request, size_t length) {
    void *memory = calloc(1, length + 1);
    if (!memory || request->memory_count == sizeof request->memory / sizeof *request->memory) abort();
    return request->memory[request->memory_count++] = memory;
}

void write_line(const struct request *request, const char *key, json_t *value) {
    json_t *line = json_pack("{s:O, s:o}", "id", json_object_get(request->json, "id"), key, value);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

/* The place of the engine with this name, or of none (an empty name). */
static int place_of(const char *name) {
    for (int i = 0; i < MOST_ENGINES; i++)
        if (!strcmp(engines[i].name, name)) return i;
    return -1;
}

static void open_engine(struct request *request, const char *name, layerkit_error **error) {
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    bool any = fill_engine(request, &options);
    int place = place_of("");
    if (place < 0) trouble(request, "too many engines");
    if (request->trouble[0]) return;
    *error = layerkit_engine_open(any ? &options : NULL, &engines[place].engine);
    if (*error) return;
    snprintf(engines[place].name, sizeof engines[place].name, "%s", name);
    handles++;
}

static void forget(struct request *request, const char *name) {
    int place = place_of(name);
    if (place < 0 || !*name) {
        trouble(request, "no engine named %s", name);
        return;
    }
    layerkit_engine_free(engines[place].engine);
    engines[place].name[0] = 0;
    handles--;
}

static json_t *hello(void) {
    static const char *const codes[] = LAYERKIT_ERROR_CODES;
    json_t *errors = json_array();
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) json_array_append_new(errors, json_string(codes[i]));
    return json_pack("{s:s, s:s, s:o, s:o}", "language", "c", "version", layerkit_version(), "operations",
                     operation_names(), "errors", errors);
}

static json_t *error_value(const layerkit_error *error) {
    static const char *const texts[] = {"registry_code", "host",    "repository",  "file",  "instruction",
                                        "rule",          "command", "output_tail", "image", "container"};
    static const char *const numbers[] = {"status", "line", "column", "exit_code"};
    json_t *fields = json_object();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = layerkit_error_text(error, texts[i]);
        if (text) json_object_set_new(fields, texts[i], json_string(text));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t number;
        if (layerkit_error_number(error, numbers[i], &number))
            json_object_set_new(fields, numbers[i], json_integer(number));
    }
    return json_pack("{s:s, s:s, s:o}", "code", layerkit_error_code(error), "message", layerkit_error_message(error),
                     "fields", fields);
}

static layerkit_error *perform(struct request *request, json_t **ok) {
    const char *op = json_string_value(json_object_get(request->json, "op"));
    const char *name = json_string_value(json_object_get(request->json, "engine"));
    layerkit_error *error = NULL;
    operation call;
    int place;
    if (!op) op = "";
    if (!name) name = "";
    if (!strcmp(op, "hello")) {
        *ok = hello();
    } else if (!strcmp(op, "handles")) {
        *ok = json_integer(handles);
    } else if (!strcmp(op, "forget")) {
        forget(request, name);
    } else if (!strcmp(op, "engine_open")) {
        open_engine(request, name, &error);
    } else if (!(call = find_operation(op))) {
        trouble(request, "unknown operation %s", op);
    } else if ((place = place_of(name)) < 0 || !*name) {
        trouble(request, "no engine named %s", name);
    } else {
        request->engine = engines[place].engine;
        error = call(request, ok);
    }
    return error;
}

static void respond(struct request *request) {
    json_t *ok = NULL;
    layerkit_error *error;
    request->args = json_object();
    json_object_update(request->args, json_object_get(request->json, "args"));
    error = perform(request, &ok);
    if (request->trouble[0]) {
        write_line(request, "error",
                   json_pack("{s:s, s:s, s:{}}", "code", "driver", "message", request->trouble, "fields"));
        json_decref(ok);
    } else if (error) {
        write_line(request, "error", error_value(error));
    } else {
        write_line(request, "ok", ok ? ok : json_null());
    }
    layerkit_error_free(error);
    json_decref(request->args);
    while (request->memory_count) free(request->memory[--request->memory_count]);
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        struct request request = {.json = json_loads(line, 0, NULL)};
        if (!request.json) {
            fprintf(stderr, "driver: not JSON: %s", line);
            free(line);
            return 1;
        }
        respond(&request);
        json_decref(request.json);
    }
    free(line);
    return 0;
}
