/* Events and cancellation. */
#include "test.h"

struct watch {
    int seen;
    int busy; /* whether a call is under way */
    int loaded;
    int answer;
};

static int on_event(void *payload, const layerkit_event *event) {
    struct watch *watch = payload;
    int64_t bytes = -1;
    CHECK(!__atomic_exchange_n(&watch->busy, 1, __ATOMIC_SEQ_CST)); /* never two at once */
    watch->seen++;
    CHECK(strstr(layerkit_event_json(event), layerkit_event_name(event)) != NULL);
    CHECK(layerkit_event_text(event, "nope") == NULL);
    if (!strcmp(layerkit_event_name(event), "layer")) {
        CHECK(!strcmp(layerkit_event_text(event, "operation"), "import"));
        CHECK(layerkit_event_number(event, "bytes", &bytes) && bytes >= 0);
        CHECK(!layerkit_event_number(event, "operation", &bytes));
    }
    if (!strcmp(layerkit_event_name(event), "image_loaded")) {
        watch->loaded++;
        CHECK(!strcmp(layerkit_event_text(event, "name"), "hello:1"));
    }
    __atomic_store_n(&watch->busy, 0, __ATOMIC_SEQ_CST);
    return watch->answer;
}

static layerkit_error *import_watched(layerkit_engine *engine, const layerkit_task *task) {
    layerkit_source source = LAYERKIT_SOURCE_PATH(hello_tar());
    layerkit_import_options options = LAYERKIT_IMPORT_OPTIONS_INIT;
    layerkit_image *image = NULL;
    layerkit_error *error;
    options.name = "hello:1";
    error = layerkit_images_import(engine, &source, &options, task, &image);
    layerkit_image_free(image);
    return error;
}

static size_t count_images(layerkit_engine *engine) {
    layerkit_image_list *list = NULL;
    size_t count;
    GOOD(layerkit_images_list(engine, NULL, &list));
    count = layerkit_image_list_count(list);
    layerkit_image_list_free(list);
    return count;
}

static void events_tell_what_happens(void) {
    layerkit_engine *engine = open_engine();
    struct watch watch = {0, 0, 0, LAYERKIT_CONTINUE};
    layerkit_task task = LAYERKIT_TASK_INIT;
    task.on_event = on_event;
    task.payload = &watch;
    GOOD(import_watched(engine, &task));
    CHECK(watch.seen > 1 && watch.loaded == 1);
    layerkit_engine_free(engine);
}

static int list_from_within(void *payload, const layerkit_event *event) {
    (void)event;
    CHECK(count_images(payload) <= 1);
    return LAYERKIT_CONTINUE;
}

static void a_callback_may_use_the_engine(void) {
    layerkit_engine *engine = open_engine();
    layerkit_task task = LAYERKIT_TASK_INIT;
    task.on_event = list_from_within;
    task.payload = engine;
    GOOD(import_watched(engine, &task));
    CHECK(count_images(engine) == 1);
    layerkit_engine_free(engine);
}

static void a_positive_answer_cancels_and_a_negative_one_fails(void) {
    layerkit_engine *engine = open_engine();
    struct watch watch = {0, 0, 0, LAYERKIT_CANCEL};
    layerkit_task task = LAYERKIT_TASK_INIT;
    task.on_event = on_event;
    task.payload = &watch;
    FAILS(import_watched(engine, &task), LAYERKIT_ERROR_CANCELLED, "cancelled");
    watch.answer = 42;
    FAILS(import_watched(engine, &task), LAYERKIT_ERROR_CANCELLED, "cancelled");
    watch.answer = LAYERKIT_FAIL;
    FAILS(import_watched(engine, &task), LAYERKIT_ERROR_CALLBACK, "-1");
    CHECK(count_images(engine) == 0);
    layerkit_engine_free(engine);
}

static void a_cancelled_token_ends_what_begins_later(void) {
    layerkit_engine *engine = open_engine();
    layerkit_cancel_token *token = NULL;
    layerkit_task task = LAYERKIT_TASK_INIT;
    GOOD(layerkit_cancel_token_new(&token));
    task.cancel = token;
    GOOD(import_watched(engine, &task));
    layerkit_cancel_token_cancel(token);
    layerkit_cancel_token_cancel(token);
    layerkit_cancel_token_cancel(NULL);
    FAILS(import_watched(engine, &task), LAYERKIT_ERROR_CANCELLED, "cancelled");
    layerkit_cancel_token_free(token);
    layerkit_engine_free(engine);
}

static void *cancel_soon(void *token) {
    usleep(100 * 1000);
    layerkit_cancel_token_cancel(token);
    return NULL;
}

static void another_thread_ends_a_wait_on_a_pipe(void) {
    layerkit_engine *engine = open_engine();
    layerkit_cancel_token *token = NULL;
    layerkit_task task = LAYERKIT_TASK_INIT;
    layerkit_image *image = NULL;
    pthread_t thread;
    int ends[2];
    GOOD(layerkit_cancel_token_new(&token));
    task.cancel = token;
    CHECK(!pipe(ends)); /* which nobody writes to */
    layerkit_source source = LAYERKIT_SOURCE_FD(ends[0]);
    CHECK(!pthread_create(&thread, NULL, cancel_soon, token));
    FAILS(layerkit_images_import(engine, &source, NULL, &task, &image), LAYERKIT_ERROR_CANCELLED, "cancelled");
    CHECK(!pthread_join(thread, NULL));
    close(ends[0]);
    close(ends[1]);
    layerkit_cancel_token_free(token);
    layerkit_engine_free(engine);
}

int main(void) {
    TEST(events_tell_what_happens);
    TEST(a_callback_may_use_the_engine);
    TEST(a_positive_answer_cancels_and_a_negative_one_fails);
    TEST(a_cancelled_token_ends_what_begins_later);
    TEST(another_thread_ends_a_wait_on_a_pipe);
    return totals();
}
