/* Registries: arguments and options as C has them. Nothing here reaches a registry: calls that are in order are cancelled. */
#include "test.h"

/* A task that is cancelled already: what an operation says that was called as it should be. */
static layerkit_task cancelled_task(layerkit_cancel_token **token) {
    layerkit_task task = LAYERKIT_TASK_INIT;
    GOOD(layerkit_cancel_token_new(token));
    layerkit_cancel_token_cancel(*token);
    task.cancel = *token;
    return task;
}

static void null_is_refused_by_name(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image_list *list = NULL;
    char *json = NULL;
    FAILS(layerkit_images_pull(NULL, "a", NULL, NULL, &list), LAYERKIT_ERROR_INVALID_ARGUMENT, "engine is NULL");
    FAILS(layerkit_images_pull(engine, NULL, NULL, NULL, &list), LAYERKIT_ERROR_INVALID_ARGUMENT, "name is NULL");
    FAILS(layerkit_images_pull(engine, "a", NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "out is NULL");
    FAILS(layerkit_images_push(engine, NULL, NULL, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "name is NULL");
    FAILS(layerkit_images_search(engine, NULL, NULL, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "term is NULL");
    FAILS(layerkit_image_push(NULL, NULL, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "image is NULL");
    FAILS(layerkit_registry_login(NULL, NULL, NULL, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "engine is NULL");
    FAILS(layerkit_registry_login(engine, NULL, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "out is NULL");
    FAILS(layerkit_registry_logout(engine, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "out is NULL");
    FAILS(layerkit_registry_ping(engine, NULL, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "out is NULL");
    FAILS(layerkit_registry_tags(engine, NULL, NULL, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "repository is NULL");
    FAILS(layerkit_registry_manifest(engine, NULL, NULL, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "name is NULL");
    FAILS(layerkit_registry_referrers(engine, NULL, NULL, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "name is NULL");
    FAILS(layerkit_registry_copy(engine, NULL, "b", NULL, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "source is NULL");
    FAILS(layerkit_registry_copy(engine, "a", NULL, NULL, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "destination is NULL");
    FAILS(layerkit_registry_delete(engine, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "name is NULL");
    CHECK(list == NULL && json == NULL);
    layerkit_engine_free(engine);
}

static void a_server_may_be_null(void) {
    layerkit_engine *engine = open_engine();
    layerkit_cancel_token *token = NULL;
    layerkit_task task = cancelled_task(&token);
    char *json = NULL;
    FAILS(layerkit_registry_login(engine, NULL, NULL, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_logout(engine, NULL, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_ping(engine, NULL, NULL, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_ping(engine, "", NULL, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_ping(engine, "a\xff", NULL, &task, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "server is not UTF-8");
    layerkit_cancel_token_free(token);
    layerkit_engine_free(engine);
}

static void credentials_are_a_struct_of_their_own(void) {
    layerkit_engine *engine = open_engine();
    layerkit_cancel_token *token = NULL;
    layerkit_task task = cancelled_task(&token);
    layerkit_auth auth = LAYERKIT_AUTH_INIT;
    layerkit_pull_options pull = LAYERKIT_PULL_OPTIONS_INIT;
    layerkit_copy_options copy = LAYERKIT_COPY_OPTIONS_INIT;
    layerkit_image_list *list = NULL;
    char *json = NULL;
    pull.auth = &auth;
    copy.destination_auth = &auth;
    auth.username = "somebody";
    auth.password = "secret";
    FAILS(layerkit_images_pull(engine, "a", &pull, &task, &list), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_copy(engine, "a", "b", &copy, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    auth.password = "\xff";
    FAILS(layerkit_images_pull(engine, "a", &pull, &task, &list), LAYERKIT_ERROR_INVALID_ARGUMENT,
          "options->auth->password is not UTF-8");
    FAILS(layerkit_registry_copy(engine, "a", "b", &copy, &task, &json), LAYERKIT_ERROR_INVALID_ARGUMENT,
          "options->destination_auth->password is not UTF-8");
    auth.size = 0;
    FAILS(layerkit_images_pull(engine, "a", &pull, &task, &list), LAYERKIT_ERROR_INVALID_ARGUMENT,
          "options->auth->size is 0");
    layerkit_cancel_token_free(token);
    layerkit_engine_free(engine);
}

static void every_option_is_one_of_the_core(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image *image = import_hello(engine, "hello:1");
    layerkit_cancel_token *token = NULL;
    layerkit_task task = cancelled_task(&token);
    layerkit_pair stars = {"stars", "3"};
    layerkit_auth auth = {sizeof auth, "somebody", "secret", "refresh", "bearer"};
    layerkit_pull_options pull = {sizeof pull, "linux/arm64", 1, 1, "sha256:0", 4, &auth};
    layerkit_push_options push = {sizeof push, "linux/arm64", 1, 4, 1 << 20, &auth};
    layerkit_search_options search = {sizeof search, 10, &stars, 1, &auth};
    layerkit_login_options login = {sizeof login, "somebody", "secret", "refresh"};
    layerkit_registry_options plain = {sizeof plain, &auth};
    layerkit_tags_options tags = {sizeof tags, 10, "1.0", &auth};
    layerkit_manifest_options manifest = {sizeof manifest, "linux/arm64", &auth};
    layerkit_referrers_options referrers = {sizeof referrers, "application/spdx+json", &auth};
    layerkit_copy_options copy = {sizeof copy, "linux/arm64", 1, 4, 1 << 20, &auth, &auth};
    layerkit_image_list *list = NULL;
    char *json = NULL;
    FAILS(layerkit_images_pull(engine, "a", &pull, &task, &list), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_images_push(engine, "a", &push, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_images_search(engine, "a", &search, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_image_push(image, &push, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_login(engine, "a", &login, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_ping(engine, "a", &plain, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_tags(engine, "a", &tags, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_manifest(engine, "a", &manifest, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_referrers(engine, "a", &referrers, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_copy(engine, "a", "b", &copy, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_delete(engine, "a", &plain, &task), LAYERKIT_ERROR_CANCELLED, "");
    CHECK(list == NULL && json == NULL);
    layerkit_cancel_token_free(token);
    layerkit_image_free(image);
    layerkit_engine_free(engine);
}

static void a_struct_without_its_size_is_refused(void) {
    layerkit_engine *engine = open_engine();
    layerkit_tags_options options;
    char *json = NULL;
    memset(&options, 0, sizeof options);
    FAILS(layerkit_registry_tags(engine, "a", &options, NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "_INIT");
    CHECK(json == NULL);
    layerkit_engine_free(engine);
}

static void a_failure_leaves_results_alone(void) {
    layerkit_engine *engine = open_engine();
    layerkit_cancel_token *token = NULL;
    layerkit_task task = cancelled_task(&token);
    layerkit_image_list *list = (layerkit_image_list *)-1;
    char *json = (char *)-1;
    FAILS(layerkit_images_pull(engine, "a", NULL, &task, &list), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_images_push(engine, "a", NULL, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    FAILS(layerkit_registry_manifest(engine, "a", NULL, &task, &json), LAYERKIT_ERROR_CANCELLED, "");
    CHECK(list == (layerkit_image_list *)-1 && json == (char *)-1);
    layerkit_cancel_token_free(token);
    layerkit_engine_free(engine);
}

int main(void) {
    TEST(null_is_refused_by_name);
    TEST(a_server_may_be_null);
    TEST(credentials_are_a_struct_of_their_own);
    TEST(every_option_is_one_of_the_core);
    TEST(a_struct_without_its_size_is_refused);
    TEST(a_failure_leaves_results_alone);
    return totals();
}
