/* The option structs of containers. */
#include "fields.h"

static const struct field create_fields[] = {
    {"command", TEXTS, AT(create, command), AT(create, command_count)},
    {"entrypoint", TEXTS, AT(create, entrypoint), AT(create, entrypoint_count)},
    {"name", TEXT, AT(create, name), 0},
    {"environment", TEXTS, AT(create, environment), AT(create, environment_count)},
    {"working_dir", TEXT, AT(create, working_dir), 0},
    {"user", TEXT, AT(create, user), 0},
    {"hostname", TEXT, AT(create, hostname), 0},
    {"labels", MAP, AT(create, labels), AT(create, labels_count)},
    {"volumes", TEXTS, AT(create, volumes), AT(create, volumes_count)},
    {"tmpfs", MAP, AT(create, tmpfs), AT(create, tmpfs_count)},
    {"network", TEXT, AT(create, network), 0},
    {"ports", TEXTS, AT(create, ports), AT(create, ports_count)},
    {"read_only", FLAG, AT(create, read_only), 0},
    {"cap_add", TEXTS, AT(create, cap_add), AT(create, cap_add_count)},
    {"cap_drop", TEXTS, AT(create, cap_drop), AT(create, cap_drop_count)},
    {"privileged", FLAG, AT(create, privileged), 0},
    {"init", FLAG, AT(create, init), 0},
    {"mem_limit", NUMBER, AT(create, mem_limit), 0},
    {"pids_limit", SIGNED, AT(create, pids_limit), 0},
    {"ulimits", ULIMITS, AT(create, ulimits), AT(create, ulimits_count)},
    {"shm_size", NUMBER, AT(create, shm_size), 0},
    {"extra_hosts", TEXTS, AT(create, extra_hosts), AT(create, extra_hosts_count)},
    {"stop_signal", TEXT, AT(create, stop_signal), 0},
    {"stop_timeout", SET_COUNT, AT(create, stop_timeout), AT(create, has_stop_timeout)},
    {"tty", FLAG, AT(create, tty), 0},
    {"stdin_open", FLAG, AT(create, stdin_open), 0},
    {"stdin_once", FLAG, AT(create, stdin_once), 0},
    {"auto_remove", FLAG, AT(create, auto_remove), 0},
    {"platform", TEXT, AT(create, platform), 0},
    {"pull", TEXT, AT(create, pull), 0},
    {"auth", AUTH, AT(create, auth), 0},
    {"log_max_size", NUMBER, AT(create, log_max_size), 0},
    {"log_max_file", COUNT, AT(create, log_max_file), 0},
    {NULL, TEXT, 0, 0},
};

bool fill_create(struct request *request, layerkit_create_options *options) {
    return fill(request, create_fields, options);
}

bool fill_run(struct request *request, layerkit_run_options *options) {
    static const struct field size[] = {
        {"rows", SHORT, AT(run, tty_rows), 0},
        {"cols", SHORT, AT(run, tty_cols), 0},
        {NULL, TEXT, 0, 0},
    };
    layerkit_create_options *create = keep(request, sizeof *create);
    json_t *detach = json_object_get(request->args, "detach");
    bool any = fill_group(request, "tty_size", size, options);
    if (detach) {
        any = true;
        options->detach = json_is_true(detach);
        json_object_del(request->args, "detach");
    }
    *create = (layerkit_create_options)LAYERKIT_CREATE_OPTIONS_INIT;
    if (!fill_create(request, create)) return any;
    options->create = create;
    return true;
}

bool fill_container_list(struct request *request, layerkit_container_list_options *options) {
    static const struct field fields[] = {
        {"all", FLAG, AT(container_list, all), 0},
        {"limit", COUNT, AT(container_list, limit), 0},
        {"size", FLAG, AT(container_list, with_size), 0},
        {"filters", LISTS, AT(container_list, filters), AT(container_list, filters_count)},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_container_prune(struct request *request, layerkit_container_prune_options *options) {
    static const struct field fields[] = {
        {"filters", LISTS, AT(container_prune, filters), AT(container_prune, filters_count)},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_start(struct request *request, layerkit_start_options *options) {
    static const struct field fields[] = {{"attach", FLAG, AT(start, attach), 0}, {NULL, TEXT, 0, 0}};
    static const struct field size[] = {
        {"rows", SHORT, AT(start, tty_rows), 0},
        {"cols", SHORT, AT(start, tty_cols), 0},
        {NULL, TEXT, 0, 0},
    };
    bool any = fill_group(request, "tty_size", size, options);
    return fill(request, fields, options) || any;
}

bool fill_attach(struct request *request, layerkit_attach_options *options) {
    static const struct field fields[] = {
        {"stdout", NOT, AT(attach, no_stdout), 0},
        {"stderr", NOT, AT(attach, no_stderr), 0},
        {"logs", FLAG, AT(attach, logs), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_wait(struct request *request, layerkit_wait_options *options) {
    static const struct field fields[] = {
        {"condition", TEXT, AT(wait, condition), 0},
        {"timeout_ms", SET_NUMBER, AT(wait, timeout_ms), AT(wait, has_timeout_ms)},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_stop(struct request *request, layerkit_stop_options *options) {
    static const struct field fields[] = {
        {"timeout", SET_COUNT, AT(stop, timeout), AT(stop, has_timeout)},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_kill(struct request *request, layerkit_kill_options *options) {
    static const struct field fields[] = {{"signal", TEXT, AT(kill, signal), 0}, {NULL, TEXT, 0, 0}};
    return fill(request, fields, options);
}

bool fill_logs(struct request *request, layerkit_logs_options *options) {
    static const struct field fields[] = {
        {"stdout", NOT, AT(logs, no_stdout), 0},
        {"stderr", NOT, AT(logs, no_stderr), 0},
        {"follow", FLAG, AT(logs, follow), 0},
        {"tail", SET_NUMBER, AT(logs, tail), AT(logs, has_tail)},
        {"since", TEXT, AT(logs, since), 0},
        {"until", TEXT, AT(logs, until), 0},
        {"timestamps", FLAG, AT(logs, timestamps), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_exec(struct request *request, layerkit_exec_options *options) {
    static const struct field fields[] = {
        {"command", TEXTS, AT(exec, command), AT(exec, command_count)},
        {"environment", TEXTS, AT(exec, environment), AT(exec, environment_count)},
        {"working_dir", TEXT, AT(exec, working_dir), 0},
        {"user", TEXT, AT(exec, user), 0},
        {"privileged", FLAG, AT(exec, privileged), 0},
        {"tty", FLAG, AT(exec, tty), 0},
        {"detach", FLAG, AT(exec, detach), 0},
        {NULL, TEXT, 0, 0},
    };
    static const struct field size[] = {
        {"rows", SHORT, AT(exec, tty_rows), 0},
        {"cols", SHORT, AT(exec, tty_cols), 0},
        {NULL, TEXT, 0, 0},
    };
    bool any = fill_group(request, "tty_size", size, options);
    return fill(request, fields, options) || any;
}

bool fill_container_remove(struct request *request, layerkit_container_remove_options *options) {
    static const struct field fields[] = {
        {"force", FLAG, AT(container_remove, force), 0},
        {"v", FLAG, AT(container_remove, volumes), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_commit(struct request *request, layerkit_commit_options *options) {
    static const struct field fields[] = {
        {"repository", TEXT, AT(commit, repository), 0},
        {"tag", TEXT, AT(commit, tag), 0},
        {"message", TEXT, AT(commit, message), 0},
        {"author", TEXT, AT(commit, author), 0},
        {"changes", TEXTS, AT(commit, changes), AT(commit, changes_count)},
        {"pause", NOT, AT(commit, no_pause), 0},
        {"compression", TEXT, AT(commit, compression), 0},
        {"source_date_epoch", EPOCH, AT(commit, source_date_epoch), AT(commit, has_source_date_epoch)},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_put_archive(struct request *request, layerkit_put_archive_options *options) {
    static const struct field fields[] = {
        {"no_overwrite_dir_non_dir", FLAG, AT(put_archive, no_overwrite_dir_non_dir), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}
