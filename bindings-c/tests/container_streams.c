/* The streams of commands: descriptors, callbacks, and what ends an operation. */
#include <poll.h>

#include "test.h"

/* Runs a shell command in the foreground and removes its container. */
static layerkit_error *run(const layerkit_engine *engine, const char *script, const layerkit_container_streams *streams,
                           const layerkit_task *task, int32_t *code) {
    layerkit_run_options options = LAYERKIT_RUN_OPTIONS_INIT;
    layerkit_create_options *create = shell(script);
    create->auto_remove = 1;
    create->stdin_open = streams && (streams->stdin_fd >= 0 || streams->stdin_read);
    options.create = create;
    return layerkit_containers_run(engine, "busybox:1", &options, streams, task, code, NULL, NULL);
}

static void check_none_is_left(const layerkit_engine *engine) {
    layerkit_container_list_options options = LAYERKIT_CONTAINER_LIST_OPTIONS_INIT;
    layerkit_container_list *list = NULL;
    options.all = 1;
    GOOD(layerkit_containers_list(engine, &options, &list));
    CHECK(layerkit_container_list_count(list) == 0);
    layerkit_container_list_free(list);
}

static void callbacks_take_both_outputs_apart_and_the_code_is_told(void) {
    layerkit_engine *engine = open_engine();
    struct written out, err;
    layerkit_container_streams streams = streams_to(&out, &err);
    int32_t code = -2;
    import_busybox(engine);
    GOOD(run(engine, "echo to out; echo to err >&2; exit 3", &streams, NULL, &code));
    CHECK(code == 3);
    CHECK(!strcmp(out.bytes, "to out\n") && !strcmp(err.bytes, "to err\n"));
    streams = streams_to(&out, &err);
    streams.stdout_write = NULL;
    GOOD(run(engine, "echo to out; echo to err >&2", &streams, NULL, &code));
    CHECK(code == 0 && out.length == 0 && !strcmp(err.bytes, "to err\n"));
    GOOD(run(engine, "echo nobody hears", NULL, NULL, &code));
    check_none_is_left(engine);
    layerkit_engine_free(engine);
}

static void descriptors_give_and_take(void) {
    layerkit_engine *engine = open_engine();
    layerkit_container_streams streams = LAYERKIT_CONTAINER_STREAMS_INIT;
    char text[64] = "";
    int32_t code = -2;
    import_busybox(engine);
    write_file("in", "one\ntwo\n", 8);
    streams.stdin_fd = open(in_folder("in"), O_RDONLY);
    streams.stdout_fd = open(in_folder("out"), O_RDWR | O_CREAT | O_APPEND, 0600);
    streams.stderr_fd = streams.stdout_fd;
    GOOD(run(engine, "cat; echo three >&2", &streams, NULL, &code));
    CHECK(pread(streams.stdout_fd, text, sizeof text - 1, 0) == 14);
    CHECK(strstr(text, "one\ntwo\n") && strstr(text, "three\n"));
    CHECK(!close(streams.stdin_fd) && !close(streams.stdout_fd)); /* they stayed ours */
    layerkit_engine_free(engine);
}

struct input {
    size_t left;
    int64_t then; /* what is returned once nothing is left */
};

static int64_t give(void *payload, void *buffer, size_t length) {
    struct input *input = payload;
    if (!input->left) return input->then;
    if (length > input->left) length = input->left;
    if (length > 1000) length = 1000;
    memset(buffer, 'x', length);
    input->left -= length;
    return (int64_t)length;
}

static void a_callback_feeds_standard_input(void) {
    layerkit_engine *engine = open_engine();
    struct written out, err;
    layerkit_container_streams streams = streams_to(&out, &err);
    struct input input = {300000, 0}, endless = {(size_t)-1, 0};
    int32_t code = -2;
    import_busybox(engine);
    streams.stdin_read = give;
    streams.stdin_payload = &input;
    GOOD(run(engine, "busybox wc -c", &streams, NULL, &code));
    CHECK(atol(out.bytes) == 300000);
    streams.stdin_payload = &endless; /* a command that does not read it all */
    GOOD(run(engine, "exit 4", &streams, NULL, &code));
    CHECK(code == 4 && endless.left > 0);
    layerkit_engine_free(engine);
}

static void a_read_callback_that_fails_ends_the_command(void) {
    layerkit_engine *engine = open_engine();
    struct written out, err;
    layerkit_container_streams streams = streams_to(&out, &err);
    struct input input = {10, LAYERKIT_FAIL};
    int32_t code = -2;
    import_busybox(engine);
    streams.stdin_read = give;
    streams.stdin_payload = &input;
    FAILS(run(engine, "cat; sleep 1000", &streams, NULL, &code), LAYERKIT_ERROR_CALLBACK, "read callback");
    CHECK(code == -2);
    check_none_is_left(engine);
    layerkit_engine_free(engine);
}

static void an_output_callback_cancels_and_fails(void) {
    layerkit_engine *engine = open_engine();
    layerkit_cancel_token *token = NULL;
    layerkit_task task = LAYERKIT_TASK_INIT;
    struct written out, err;
    layerkit_container_streams streams = streams_to(&out, &err);
    int32_t code = -2;
    import_busybox(engine);
    out.answer = LAYERKIT_FAIL;
    FAILS(run(engine, "echo one; sleep 1000", &streams, NULL, &code), LAYERKIT_ERROR_CALLBACK, "stdout callback");
    GOOD(layerkit_cancel_token_new(&token));
    task.cancel = token;
    out.answer = 0;
    err.answer = LAYERKIT_CANCEL;
    FAILS(run(engine, "echo two >&2; sleep 1000", &streams, &task, &code), LAYERKIT_ERROR_CANCELLED, "stderr callback");
    CHECK(code == -2);
    check_none_is_left(engine);
    layerkit_cancel_token_free(token);
    layerkit_engine_free(engine);
}

/* Cancels once the command runs. */
static int cancel_when_it_writes(void *payload, const void *bytes, size_t length) {
    (void)bytes, (void)length;
    layerkit_cancel_token_cancel(payload);
    return LAYERKIT_CONTINUE;
}

static void a_token_ends_what_runs_in_the_foreground(void) {
    layerkit_engine *engine = open_engine();
    layerkit_cancel_token *token = NULL;
    layerkit_task task = LAYERKIT_TASK_INIT;
    layerkit_container_streams streams = LAYERKIT_CONTAINER_STREAMS_INIT;
    int32_t code = -2;
    import_busybox(engine);
    GOOD(layerkit_cancel_token_new(&token));
    task.cancel = token;
    streams.stdout_write = cancel_when_it_writes;
    streams.stdout_payload = token;
    FAILS(run(engine, "echo ready; sleep 1000", &streams, &task, &code), LAYERKIT_ERROR_CANCELLED, "cancelled");
    check_none_is_left(engine);
    layerkit_cancel_token_free(token);
    layerkit_engine_free(engine);
}

struct full_pipe {
    int out;
    layerkit_cancel_token *token;
};

/* Waits until the library has filled the pipe, then cancels. */
static void *cancel_when_full(void *payload) {
    struct full_pipe *full = payload;
    struct pollfd ready = {full->out, POLLOUT, 0};
    while (poll(&ready, 1, 0) > 0) usleep(1000);
    layerkit_cancel_token_cancel(full->token);
    return NULL;
}

static void a_token_ends_a_wait_for_a_reader(void) {
    layerkit_engine *engine = open_engine();
    layerkit_task task = LAYERKIT_TASK_INIT;
    layerkit_container_streams streams = LAYERKIT_CONTAINER_STREAMS_INIT;
    struct full_pipe full = {-1, NULL};
    pthread_t thread;
    int ends[2];
    int32_t code = -2;
    import_busybox(engine);
    GOOD(layerkit_cancel_token_new(&full.token));
    CHECK(!pipe(ends)); /* which nobody reads from */
    full.out = streams.stdout_fd = ends[1];
    task.cancel = full.token;
    CHECK(!pthread_create(&thread, NULL, cancel_when_full, &full));
    FAILS(run(engine, "while :; do echo more and more; done", &streams, &task, &code), LAYERKIT_ERROR_CANCELLED, "");
    CHECK(!pthread_join(thread, NULL));
    close(ends[0]);
    close(ends[1]);
    check_none_is_left(engine);
    layerkit_cancel_token_free(full.token);
    layerkit_engine_free(engine);
}

/* A container that runs until it is killed. */
static layerkit_container *run_detached(const layerkit_engine *engine, const char *script, int tty) {
    layerkit_run_options options = LAYERKIT_RUN_OPTIONS_INIT;
    layerkit_create_options *create = shell(script);
    layerkit_container *container = NULL;
    create->tty = (uint8_t)tty;
    create->stdin_open = 1;
    options.create = create;
    options.detach = 1;
    GOOD(layerkit_containers_run(engine, "busybox:1", &options, NULL, NULL, NULL, NULL, &container));
    return container;
}

static void remove_by_force(layerkit_container *container) {
    layerkit_container_remove_options options = LAYERKIT_CONTAINER_REMOVE_OPTIONS_INIT;
    options.force = 1;
    GOOD(layerkit_container_remove(container, &options));
    layerkit_container_free(container);
}

static void a_command_is_executed_with_streams_of_its_own(void) {
    layerkit_engine *engine = open_engine();
    struct written out, err;
    layerkit_container_streams streams = streams_to(&out, &err);
    layerkit_exec_options options = LAYERKIT_EXEC_OPTIONS_INIT;
    const char *command[] = {"/bin/sh", "-c", "cat; echo $A >&2; exit 5"}, *environment[] = {"A=b"}, *missing[] = {"/nope"};
    struct input input = {10, 0};
    int32_t code = -2;
    import_busybox(engine);
    layerkit_container *container = run_detached(engine, "sleep 1000", 0);
    options.command = command;
    options.command_count = 3;
    options.environment = environment;
    options.environment_count = 1;
    streams.stdin_read = give;
    streams.stdin_payload = &input;
    GOOD(layerkit_container_exec(container, &options, &streams, NULL, &code, NULL));
    CHECK(code == 5 && !strcmp(out.bytes, "xxxxxxxxxx") && !strcmp(err.bytes, "b\n"));
    options.command = missing;
    options.command_count = 1;
    layerkit_error *error = layerkit_container_exec(container, &options, NULL, NULL, &code, NULL);
    int64_t number = 0;
    CHECK(layerkit_error_number(error, "exit_code", &number) && number == 127);
    FAILS(error, LAYERKIT_ERROR_CONTAINER_FAILED, "/nope");
    remove_by_force(container);
    layerkit_engine_free(engine);
}

static void the_log_has_what_was_written(void) {
    layerkit_engine *engine = open_engine();
    struct written out, err;
    layerkit_container_streams streams = streams_to(&out, &err);
    layerkit_logs_options options = LAYERKIT_LOGS_OPTIONS_INIT;
    import_busybox(engine);
    layerkit_container *container = run_detached(engine, "echo one; echo two; echo three >&2", 0);
    options.follow = 1;
    GOOD(layerkit_container_logs(container, &options, &streams, NULL));
    CHECK(!strcmp(out.bytes, "one\ntwo\n") && !strcmp(err.bytes, "three\n"));
    streams = streams_to(&out, &err);
    options.no_stderr = 1;
    options.has_tail = 1;
    options.tail = 1;
    GOOD(layerkit_container_logs(container, &options, &streams, NULL));
    CHECK(!strcmp(out.bytes, "two\n") && err.length == 0);
    GOOD(layerkit_container_logs(container, NULL, NULL, NULL));
    remove_by_force(container);
    layerkit_engine_free(engine);
}

/* A conversation with a terminal. */
struct talk {
    layerkit_container_control *control;
    struct written seen;
    int in, step;
};

static int converse(void *payload, const void *bytes, size_t length) {
    struct talk *talk = payload;
    write_down(&talk->seen, bytes, length);
    if (talk->step == 0 && strstr(talk->seen.bytes, "ready")) {
        talk->step++;
        GOOD(layerkit_container_control_resize(talk->control, 33, 77));
        CHECK(write(talk->in, "\n", 1) == 1);
    }
    if (talk->step == 1 && strstr(talk->seen.bytes, "33 77")) {
        talk->step++;
        GOOD(layerkit_container_control_detach(talk->control));
    }
    return LAYERKIT_CONTINUE;
}

static void a_control_resizes_a_terminal_and_detaches(void) {
    layerkit_engine *engine = open_engine();
    layerkit_container_streams streams = LAYERKIT_CONTAINER_STREAMS_INIT;
    struct talk talk = {0};
    layerkit_container *now = NULL;
    int32_t code = -2;
    int ends[2];
    import_busybox(engine);
    layerkit_container *container = run_detached(engine, "while read line; do echo ready; stty size; done", 1);
    GOOD(layerkit_container_control_new(&talk.control));
    FAILS(layerkit_container_control_signal(talk.control, "NOPE"), LAYERKIT_ERROR_INVALID_ARGUMENT, "NOPE");
    CHECK(!pipe(ends));
    talk.in = ends[1];
    streams.stdin_fd = ends[0];
    streams.stdout_write = converse;
    streams.stdout_payload = &talk;
    streams.control = talk.control;
    CHECK(write(talk.in, "\n", 1) == 1);
    GOOD(layerkit_container_attach(container, NULL, &streams, NULL, &code, NULL));
    CHECK(talk.step == 2 && code == LAYERKIT_EXIT_UNKNOWN);
    GOOD(layerkit_containers_get(engine, layerkit_container_id(container), &now));
    CHECK(!strcmp(layerkit_container_state(now), "running"));
    layerkit_container_free(now);
    close(ends[0]);
    close(ends[1]);
    layerkit_container_control_free(talk.control);
    remove_by_force(container);
    layerkit_engine_free(engine);
}

static int interrupt(void *payload, const void *bytes, size_t length) {
    (void)bytes, (void)length;
    GOOD(layerkit_container_control_signal(payload, "INT"));
    return LAYERKIT_CONTINUE;
}

static void a_control_sends_signals(void) {
    layerkit_engine *engine = open_engine();
    layerkit_container_streams streams = LAYERKIT_CONTAINER_STREAMS_INIT;
    layerkit_container_control *control = NULL;
    int32_t code = -2;
    import_busybox(engine);
    GOOD(layerkit_container_control_new(&control));
    streams.stdout_write = interrupt;
    streams.stdout_payload = control;
    streams.control = control;
    GOOD(run(engine, "trap 'exit 6' INT; echo ready; while :; do sleep 0.01; done", &streams, NULL, &code));
    CHECK(code == 6);
    layerkit_container_control_free(control);
    layerkit_engine_free(engine);
}

/* Feeds what nobody will read. */
static void streams_end_with_an_operation_that_does_not_begin(void) {
    layerkit_engine *engine = open_engine();
    struct written out, err;
    layerkit_container_streams streams = streams_to(&out, &err);
    layerkit_container_control *control = NULL;
    struct input input = {(size_t)-1, 0};
    layerkit_run_options options = LAYERKIT_RUN_OPTIONS_INIT;
    layerkit_create_options create = LAYERKIT_CREATE_OPTIONS_INIT;
    create.pull = "never";
    options.create = &create;
    GOOD(layerkit_container_control_new(&control));
    streams.stdin_read = give;
    streams.stdin_payload = &input;
    streams.control = control;
    FAILS(layerkit_containers_run(engine, "nope", &options, &streams, NULL, NULL, NULL, NULL), LAYERKIT_ERROR_NOT_FOUND, "nope");
    streams.stdin_read = NULL;
    streams.stdin_fd = 12345;
    FAILS(layerkit_containers_run(engine, "nope", &options, &streams, NULL, NULL, NULL, NULL), LAYERKIT_ERROR_IO, "descriptor 12345");
    layerkit_container_control_free(control);
    layerkit_engine_free(engine);
}

int main(void) {
    TEST(streams_end_with_an_operation_that_does_not_begin);
    TEST(ask_whether_commands_run);
    if (!commands_run) return totals();
    TEST(callbacks_take_both_outputs_apart_and_the_code_is_told);
    TEST(descriptors_give_and_take);
    TEST(a_callback_feeds_standard_input);
    TEST(a_read_callback_that_fails_ends_the_command);
    TEST(an_output_callback_cancels_and_fails);
    TEST(a_token_ends_what_runs_in_the_foreground);
    TEST(a_token_ends_a_wait_for_a_reader);
    TEST(a_command_is_executed_with_streams_of_its_own);
    TEST(the_log_has_what_was_written);
    TEST(a_control_resizes_a_terminal_and_detaches);
    TEST(a_control_sends_signals);
    return totals();
}
