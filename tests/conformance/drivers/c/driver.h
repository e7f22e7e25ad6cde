/* The conformance driver of C: maps operations of the protocol (tests/conformance/README.md) onto the public header. */
#ifndef DRIVER_H
#define DRIVER_H

#include <jansson.h>
#include <layerkit.h>
#include <pthread.h>

/* How many objects of the library the driver has: each that it got and did not free. Not strings, which it frees at once. */
extern long handles;

/* What a request keeps until it is answered. */
struct request {
    json_t *json;
    json_t *args;
    const layerkit_engine *engine;
    /* Why the driver could not do what was asked, or empty: an answer with code `driver`. */
    char trouble[256];
    /* Memory that option structs point to. */
    void *memory[1024];
    int memory_count;
};

/* Notes the first trouble. */
void trouble(struct request *request, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Memory that lives as long as the request. */
void *keep(struct request *request, size_t length);

/* Writes one line of the answer to a request. Takes `value`. */
void write_line(const struct request *request, const char *key, json_t *value);

/* An argument of the operation that is a string; it is taken out of `args`. */
const char *take_text(struct request *request, const char *name);
/* An argument that is an object or list, taken out: the caller's to free. */
json_t *take(struct request *request, const char *name);
/* A string as a text that lives as long as the request. */
const char *text_of(struct request *request, const char *key, const json_t *value);
/* Credentials. */
const layerkit_auth *auth_of(struct request *request, json_t *value);
/* Fills an option struct with what is left of `args`, and says whether anything was. */
bool fill_engine(struct request *request, layerkit_engine_options *options);
bool fill_list(struct request *request, layerkit_list_options *options);
bool fill_import(struct request *request, layerkit_import_options *options);
bool fill_load(struct request *request, layerkit_load_options *options);
bool fill_save(struct request *request, layerkit_save_options *options);
bool fill_remove(struct request *request, layerkit_remove_options *options);
bool fill_prune(struct request *request, layerkit_prune_options *options);
bool fill_build(struct request *request, layerkit_build_options *options);
bool fill_cache_prune(struct request *request, layerkit_cache_prune_options *options);
bool fill_unpack(struct request *request, layerkit_unpack_options *options);
bool fill_image_files(struct request *request, layerkit_files_options *options);
bool fill_image_diff(struct request *request, layerkit_image_diff_options *options);
bool fill_verify(struct request *request, layerkit_verify_options *options);
bool fill_pull(struct request *request, layerkit_pull_options *options);
bool fill_push(struct request *request, layerkit_push_options *options);
bool fill_search(struct request *request, layerkit_search_options *options);
bool fill_login(struct request *request, layerkit_login_options *options);
bool fill_registry(struct request *request, layerkit_registry_options *options);
bool fill_tags(struct request *request, layerkit_tags_options *options);
bool fill_manifest(struct request *request, layerkit_manifest_options *options);
bool fill_referrers(struct request *request, layerkit_referrers_options *options);
bool fill_copy(struct request *request, layerkit_copy_options *options);
bool fill_create(struct request *request, layerkit_create_options *options);
bool fill_run(struct request *request, layerkit_run_options *options);
bool fill_container_list(struct request *request, layerkit_container_list_options *options);
bool fill_container_prune(struct request *request, layerkit_container_prune_options *options);
bool fill_start(struct request *request, layerkit_start_options *options);
bool fill_attach(struct request *request, layerkit_attach_options *options);
bool fill_wait(struct request *request, layerkit_wait_options *options);
bool fill_stop(struct request *request, layerkit_stop_options *options);
bool fill_kill(struct request *request, layerkit_kill_options *options);
bool fill_logs(struct request *request, layerkit_logs_options *options);
bool fill_exec(struct request *request, layerkit_exec_options *options);
bool fill_container_remove(struct request *request, layerkit_container_remove_options *options);
bool fill_commit(struct request *request, layerkit_commit_options *options);
bool fill_put_archive(struct request *request, layerkit_put_archive_options *options);
/* For operations without options: nothing may be left of `args`. */
void fill_nothing(struct request *request);

/* A source or target as a caller would pass it, and the file it needs. */
struct place {
    layerkit_source source;
    layerkit_target target;
    int file;
    bool breaks;
    int64_t left;
};

void open_source(struct request *request, const char *name, struct place *place);
void open_target(struct request *request, const char *name, struct place *place);
void close_place(struct place *place);

/* The events that are shown and the ways to cancel that a request asks for. */
struct watch {
    layerkit_task task;
    /* NULL when nothing is to be watched. */
    const layerkit_task *given;
    const struct request *request;
    layerkit_cancel_token *token;
    pthread_t timer;
    bool timed, ended;
    long milliseconds;
    pthread_mutex_t mutex;
    pthread_cond_t end;
};

void begin_watch(struct request *request, struct watch *watch);
void end_watch(struct watch *watch);

/* What a command wrote to one stream. */
struct output {
    char *bytes;
    size_t length;
    bool fails; /* at its first bytes */
};

/* The streams of a command. */
struct talk {
    layerkit_container_streams streams;
    const char *input;
    struct output out, err;
};

/* Begins with the arguments `stdin` and `output_fails`, if there are any. */
void open_talk(struct request *request, struct talk *talk);
/* Ends with what was written as `stdout` and `stderr` of the result. */
void close_talk(struct talk *talk, json_t *ok);

/* A report as a JSON value; the text is freed. */
json_t *report(char *text);
/* An image as `{"id", "tags"}`. */
json_t *id_and_tags(const layerkit_image *image);
/* Looks up the image that the argument `image` names; what is got is let go of. */
layerkit_error *get(struct request *request, layerkit_image **image);
void let_go(layerkit_image *image);
/* The same with a container. */
layerkit_error *get_container(struct request *request, layerkit_container **container);
void let_go_container(layerkit_container *container);

typedef layerkit_error *(*prune)(const layerkit_engine *, const layerkit_prune_options *, const layerkit_task *, char **);
/* Prunes with this function. */
layerkit_error *prune_with(struct request *request, json_t **ok, prune call);

/* Calls an operation; its result goes to `ok`. */
typedef layerkit_error *(*operation)(struct request *request, json_t **ok);

/* A line of a table of operations, whose last line has no name. */
struct entry {
    const char *name;
    operation call;
};

extern const struct entry images_operations[], build_operations[], image_operations[], containers_operations[], container_operations[],
    registry_operations[], system_operations[], dockerfile_operations[];

operation find_operation(const char *name);
json_t *operation_names(void);

#endif
