/* The streams of a command: its input comes from a text, what it writes is collected. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

static int64_t read_input(void *payload, void *buffer, size_t length) {
    struct talk *talk = payload;
    size_t left = strlen(talk->input);
    if (left < length) length = left;
    memcpy(buffer, talk->input, length);
    talk->input += length;
    return (int64_t)length;
}

static int collect(void *payload, const void *bytes, size_t length) {
    struct output *output = payload;
    if (output->fails) return LAYERKIT_FAIL;
    output->bytes = realloc(output->bytes, output->length + length);
    if (!output->bytes) abort();
    memcpy(output->bytes + output->length, bytes, length);
    output->length += length;
    return LAYERKIT_CONTINUE;
}

void open_talk(struct request *request, struct talk *talk) {
    *talk = (struct talk){.streams = LAYERKIT_CONTAINER_STREAMS_INIT};
    talk->streams.stdout_write = talk->streams.stderr_write = collect;
    talk->streams.stdout_payload = &talk->out;
    talk->streams.stderr_payload = &talk->err;
    talk->out.fails = talk->err.fails = json_is_true(json_object_get(request->args, "output_fails"));
    json_object_del(request->args, "output_fails");
    if (!json_object_get(request->args, "stdin")) return;
    talk->input = take_text(request, "stdin");
    talk->streams.stdin_read = read_input;
    talk->streams.stdin_payload = talk;
}

/* What a command wrote as a string: bytes that are no UTF-8 are left out, as nothing of JSON can say them. */
static json_t *written(struct output *output) {
    json_t *text = json_stringn(output->bytes ? output->bytes : "", output->length);
    free(output->bytes);
    return text ? text : json_null();
}

void close_talk(struct talk *talk, json_t *ok) {
    json_t *out = written(&talk->out), *err = written(&talk->err);
    if (ok) {
        json_object_set(ok, "stdout", out);
        json_object_set(ok, "stderr", err);
    }
    json_decref(out);
    json_decref(err);
}
