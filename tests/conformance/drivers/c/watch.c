/* What a request asks to see, and when it wants to be cancelled: made into a layerkit_task. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "driver.h"

static json_t *wish(const struct request *request, const char *key) { return json_object_get(request->json, key); }

/* Whether an event has all the keys with the values that are wanted. */
static bool meets(json_t *wanted, const json_t *event) {
    const char *key;
    json_t *value;
    json_object_foreach(wanted, key, value)
        if (!json_equal(value, json_object_get(event, key))) return false;
    return true;
}

static int on_event(void *payload, const layerkit_event *event) {
    const struct watch *watch = payload;
    json_t *value = json_loads(layerkit_event_json(event), 0, NULL), *wanted = wish(watch->request, "cancel_after");
    bool cancel = wanted && meets(wanted, value);
    if (json_is_true(wish(watch->request, "events")))
        write_line(watch->request, "event", value);
    else
        json_decref(value);
    if (json_is_true(wish(watch->request, "fail_in_callback"))) return LAYERKIT_FAIL;
    return cancel ? LAYERKIT_CANCEL : LAYERKIT_CONTINUE;
}

static void *cancel_later(void *payload) {
    struct watch *watch = payload;
    struct timespec time;
    int waited = 0;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += watch->milliseconds / 1000;
    time.tv_nsec += watch->milliseconds % 1000 * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&watch->mutex);
    while (!watch->ended && waited != ETIMEDOUT) waited = pthread_cond_timedwait(&watch->end, &watch->mutex, &time);
    pthread_mutex_unlock(&watch->mutex);
    if (waited == ETIMEDOUT) layerkit_cancel_token_cancel(watch->token);
    return NULL;
}

void begin_watch(struct request *request, struct watch *watch) {
    json_t *milliseconds = wish(request, "cancel_after_ms");
    bool events = json_is_true(wish(request, "events")) || json_is_true(wish(request, "fail_in_callback")) ||
                  wish(request, "cancel_after");
    bool cancelled = json_is_true(wish(request, "cancelled"));
    memset(watch, 0, sizeof *watch);
    watch->task = (layerkit_task)LAYERKIT_TASK_INIT;
    watch->request = request;
    if (events) {
        watch->task.on_event = on_event;
        watch->task.payload = watch;
        watch->given = &watch->task;
    }
    if (!cancelled && !milliseconds) return;
    layerkit_error *error = layerkit_cancel_token_new(&watch->token);
    if (error) {
        trouble(request, "%s", layerkit_error_message(error));
        layerkit_error_free(error);
        return;
    }
    handles++;
    watch->task.cancel = watch->token;
    watch->given = &watch->task;
    if (cancelled) layerkit_cancel_token_cancel(watch->token);
    if (milliseconds) {
        watch->milliseconds = (long)json_number_value(milliseconds);
        pthread_mutex_init(&watch->mutex, NULL);
        pthread_cond_init(&watch->end, NULL);
        watch->timed = !pthread_create(&watch->timer, NULL, cancel_later, watch);
        if (!watch->timed) trouble(request, "cannot start a thread");
    }
}

void end_watch(struct watch *watch) {
    if (watch->timed) {
        pthread_mutex_lock(&watch->mutex);
        watch->ended = true;
        pthread_cond_signal(&watch->end);
        pthread_mutex_unlock(&watch->mutex);
        pthread_join(watch->timer, NULL);
        pthread_cond_destroy(&watch->end);
        pthread_mutex_destroy(&watch->mutex);
    }
    if (watch->token) {
        layerkit_cancel_token_free(watch->token);
        handles--;
    }
}
