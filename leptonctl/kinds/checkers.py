"""Compiled checks of the four kinds, by kind. Written by `python -m leptonctl.project.schemas`; do not edit."""

# ruff: noqa
# mypy: ignore-errors
import re

NoneType = type(None)


class Mismatch(Exception):
    """The value does not fit; jsonschema says why."""


def _fits(check, data):
    try:
        check(data)
    except Mismatch:
        return False
    return True


PROJECT_0 = re.compile('^[a-z0-9][a-z0-9._-]{0,62}\\Z')


def project(data):
    if not isinstance(data, (dict)):
        raise Mismatch
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['kind', 'name']) - data.keys()
        if data__missing_keys:
            raise Mismatch
        data_keys = set(data.keys())
        if "kind" in data_keys:
            data_keys.remove("kind")
            data__kind = data["kind"]
            if not (isinstance(data__kind, str) and data__kind == 'Project'):
                raise Mismatch
        if "name" in data_keys:
            data_keys.remove("name")
            data__name = data["name"]
            if not isinstance(data__name, (str)):
                raise Mismatch
            if isinstance(data__name, str):
                if not PROJECT_0.search(data__name):
                    raise Mismatch
        if "description" in data_keys:
            data_keys.remove("description")
            data__description = data["description"]
            if not isinstance(data__description, (str)):
                raise Mismatch
        if "format" in data_keys:
            data_keys.remove("format")
            data__format = data["format"]
            if not (isinstance(data__format, (int, float)) and not isinstance(data__format, bool) and data__format == 1):
                raise Mismatch
        if "state" in data_keys:
            data_keys.remove("state")
            data__state = data["state"]
            if not isinstance(data__state, (str)):
                raise Mismatch
            if isinstance(data__state, str):
                data__state_len = len(data__state)
                if data__state_len < 1:
                    raise Mismatch
        if "store" in data_keys:
            data_keys.remove("store")
            data__store = data["store"]
            if not isinstance(data__store, (str)):
                raise Mismatch
            if isinstance(data__store, str):
                data__store_len = len(data__store)
                if data__store_len < 1:
                    raise Mismatch
        if "executor" in data_keys:
            data_keys.remove("executor")
            data__executor = data["executor"]
            if not isinstance(data__executor, (dict)):
                raise Mismatch
            data__executor_is_dict = isinstance(data__executor, dict)
            if data__executor_is_dict:
                data__executor_keys = set(data__executor.keys())
                if "type" in data__executor_keys:
                    data__executor_keys.remove("type")
                    data__executor__type = data__executor["type"]
                    if not (isinstance(data__executor__type, str) and data__executor__type == 'local' or isinstance(data__executor__type, str) and data__executor__type == 'ray'):
                        raise Mismatch
                if "parallelism" in data__executor_keys:
                    data__executor_keys.remove("parallelism")
                    data__executor__parallelism = data__executor["parallelism"]
                    if not isinstance(data__executor__parallelism, (int)) or isinstance(data__executor__parallelism, bool):
                        raise Mismatch
                    if isinstance(data__executor__parallelism, (int, float)) and not isinstance(data__executor__parallelism, bool):
                        if data__executor__parallelism < 1:
                            raise Mismatch
                        if data__executor__parallelism > 256:
                            raise Mismatch
                if data__executor_keys:
                    raise Mismatch
        if "vars" in data_keys:
            data_keys.remove("vars")
            data__vars = data["vars"]
            if not isinstance(data__vars, (dict)):
                raise Mismatch
        if "allow" in data_keys:
            data_keys.remove("allow")
            data__allow = data["allow"]
            if not isinstance(data__allow, (list, tuple)):
                raise Mismatch
            data__allow_is_list = isinstance(data__allow, (list, tuple))
            if data__allow_is_list:
                def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                data__allow_len = len(data__allow)
                if data__allow_len > len(set(fn(data__allow_x) for data__allow_x in data__allow)):
                    raise Mismatch
                for data__allow_x, data__allow_item in enumerate(data__allow):
                    if not (isinstance(data__allow_item, str) and data__allow_item == 'command'):
                        raise Mismatch
        if "roots" in data_keys:
            data_keys.remove("roots")
            data__roots = data["roots"]
            if not isinstance(data__roots, (list, tuple)):
                raise Mismatch
            data__roots_is_list = isinstance(data__roots, (list, tuple))
            if data__roots_is_list:
                def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                data__roots_len = len(data__roots)
                if data__roots_len > len(set(fn(data__roots_x) for data__roots_x in data__roots)):
                    raise Mismatch
                for data__roots_x, data__roots_item in enumerate(data__roots):
                    if not isinstance(data__roots_item, (str)):
                        raise Mismatch
                    if isinstance(data__roots_item, str):
                        data__roots_item_len = len(data__roots_item)
                        if data__roots_item_len < 1:
                            raise Mismatch
        if "ignore" in data_keys:
            data_keys.remove("ignore")
            data__ignore = data["ignore"]
            if not isinstance(data__ignore, (list, tuple)):
                raise Mismatch
            data__ignore_is_list = isinstance(data__ignore, (list, tuple))
            if data__ignore_is_list:
                def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                data__ignore_len = len(data__ignore)
                if data__ignore_len > len(set(fn(data__ignore_x) for data__ignore_x in data__ignore)):
                    raise Mismatch
                for data__ignore_x, data__ignore_item in enumerate(data__ignore):
                    if not isinstance(data__ignore_item, (str)):
                        raise Mismatch
                    if isinstance(data__ignore_item, str):
                        data__ignore_item_len = len(data__ignore_item)
                        if data__ignore_item_len < 1:
                            raise Mismatch
        if data_keys:
            raise Mismatch
    return data


DATASET_0 = re.compile('^[a-z0-9][a-z0-9._-]{0,62}\\Z')
DATASET_1 = re.compile('^sha256:[0-9a-f]{64}\\Z')
DATASET_2 = re.compile('^[A-Za-z_][A-Za-z0-9_]*\\Z')


def dataset(data):
    if not isinstance(data, (dict)):
        raise Mismatch
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['kind', 'name', 'versions']) - data.keys()
        if data__missing_keys:
            raise Mismatch
        data_keys = set(data.keys())
        if "kind" in data_keys:
            data_keys.remove("kind")
            data__kind = data["kind"]
            if not (isinstance(data__kind, str) and data__kind == 'Dataset'):
                raise Mismatch
        if "name" in data_keys:
            data_keys.remove("name")
            data__name = data["name"]
            if not isinstance(data__name, (str)):
                raise Mismatch
            if isinstance(data__name, str):
                if not DATASET_0.search(data__name):
                    raise Mismatch
        if "description" in data_keys:
            data_keys.remove("description")
            data__description = data["description"]
            if not isinstance(data__description, (str)):
                raise Mismatch
        if "source" in data_keys:
            data_keys.remove("source")
            data__source = data["source"]
            if not isinstance(data__source, (str)):
                raise Mismatch
            if isinstance(data__source, str):
                data__source_len = len(data__source)
                if data__source_len < 1:
                    raise Mismatch
        if "digest" in data_keys:
            data_keys.remove("digest")
            data__digest = data["digest"]
            if not isinstance(data__digest, (str)):
                raise Mismatch
            if isinstance(data__digest, str):
                if not DATASET_1.search(data__digest):
                    raise Mismatch
        if "encoding" in data_keys:
            data_keys.remove("encoding")
            data__encoding = data["encoding"]
            if not isinstance(data__encoding, (str)):
                raise Mismatch
            if isinstance(data__encoding, str):
                data__encoding_len = len(data__encoding)
                if data__encoding_len < 1:
                    raise Mismatch
        if "delimiter" in data_keys:
            data_keys.remove("delimiter")
            data__delimiter = data["delimiter"]
            if not isinstance(data__delimiter, (str)):
                raise Mismatch
            if isinstance(data__delimiter, str):
                data__delimiter_len = len(data__delimiter)
                if data__delimiter_len < 1:
                    raise Mismatch
                if data__delimiter_len > 1:
                    raise Mismatch
        if "missing_values" in data_keys:
            data_keys.remove("missing_values")
            data__missingvalues = data["missing_values"]
            if not isinstance(data__missingvalues, (list, tuple)):
                raise Mismatch
            data__missingvalues_is_list = isinstance(data__missingvalues, (list, tuple))
            if data__missingvalues_is_list:
                def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                data__missingvalues_len = len(data__missingvalues)
                if data__missingvalues_len > len(set(fn(data__missingvalues_x) for data__missingvalues_x in data__missingvalues)):
                    raise Mismatch
                for data__missingvalues_x, data__missingvalues_item in enumerate(data__missingvalues):
                    if not isinstance(data__missingvalues_item, (str)):
                        raise Mismatch
        if "target" in data_keys:
            data_keys.remove("target")
            data__target = data["target"]
            if not isinstance(data__target, (str)):
                raise Mismatch
            if isinstance(data__target, str):
                data__target_len = len(data__target)
                if data__target_len < 1:
                    raise Mismatch
        if "columns" in data_keys:
            data_keys.remove("columns")
            data__columns = data["columns"]
            if not isinstance(data__columns, (dict)):
                raise Mismatch
            data__columns_is_dict = isinstance(data__columns, dict)
            if data__columns_is_dict:
                data__columns_keys = set(data__columns.keys())
                for data__columns_key in data__columns_keys:
                    if data__columns_key not in []:
                        data__columns_value = data__columns.get(data__columns_key)
                        if not isinstance(data__columns_value, (dict, NoneType)):
                            raise Mismatch
                        data__columns_value_is_dict = isinstance(data__columns_value, dict)
                        if data__columns_value_is_dict:
                            data__columns_value_keys = set(data__columns_value.keys())
                            if "type" in data__columns_value_keys:
                                data__columns_value_keys.remove("type")
                                data__columns_value__type = data__columns_value["type"]
                                if not (isinstance(data__columns_value__type, str) and data__columns_value__type == 'number' or isinstance(data__columns_value__type, str) and data__columns_value__type == 'integer' or isinstance(data__columns_value__type, str) and data__columns_value__type == 'boolean' or isinstance(data__columns_value__type, str) and data__columns_value__type == 'string'):
                                    raise Mismatch
                            if "min" in data__columns_value_keys:
                                data__columns_value_keys.remove("min")
                                data__columns_value__min = data__columns_value["min"]
                                if not isinstance(data__columns_value__min, (int, float)) or isinstance(data__columns_value__min, bool):
                                    raise Mismatch
                            if "max" in data__columns_value_keys:
                                data__columns_value_keys.remove("max")
                                data__columns_value__max = data__columns_value["max"]
                                if not isinstance(data__columns_value__max, (int, float)) or isinstance(data__columns_value__max, bool):
                                    raise Mismatch
                            if "values" in data__columns_value_keys:
                                data__columns_value_keys.remove("values")
                                data__columns_value__values = data__columns_value["values"]
                                if not isinstance(data__columns_value__values, (list, tuple)):
                                    raise Mismatch
                                data__columns_value__values_is_list = isinstance(data__columns_value__values, (list, tuple))
                                if data__columns_value__values_is_list:
                                    data__columns_value__values_len = len(data__columns_value__values)
                                    if data__columns_value__values_len < 1:
                                        raise Mismatch
                                    def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                                    if data__columns_value__values_len > len(set(fn(data__columns_value__values_x) for data__columns_value__values_x in data__columns_value__values)):
                                        raise Mismatch
                                    for data__columns_value__values_x, data__columns_value__values_item in enumerate(data__columns_value__values):
                                        if not isinstance(data__columns_value__values_item, (str, int, float, bool)):
                                            raise Mismatch
                            if "missing" in data__columns_value_keys:
                                data__columns_value_keys.remove("missing")
                                data__columns_value__missing = data__columns_value["missing"]
                                if not isinstance(data__columns_value__missing, (str, int, float, bool)):
                                    raise Mismatch
                            if "nullable" in data__columns_value_keys:
                                data__columns_value_keys.remove("nullable")
                                data__columns_value__nullable = data__columns_value["nullable"]
                                if not isinstance(data__columns_value__nullable, (bool)):
                                    raise Mismatch
                            if "unique" in data__columns_value_keys:
                                data__columns_value_keys.remove("unique")
                                data__columns_value__unique = data__columns_value["unique"]
                                if not isinstance(data__columns_value__unique, (bool)):
                                    raise Mismatch
                            if "description" in data__columns_value_keys:
                                data__columns_value_keys.remove("description")
                                data__columns_value__description = data__columns_value["description"]
                                if not isinstance(data__columns_value__description, (str)):
                                    raise Mismatch
                            if data__columns_value_keys:
                                raise Mismatch
        if "privacy" in data_keys:
            data_keys.remove("privacy")
            data__privacy = data["privacy"]
            if not isinstance(data__privacy, (dict)):
                raise Mismatch
            data__privacy_is_dict = isinstance(data__privacy, dict)
            if data__privacy_is_dict:
                if "hash" in data__privacy:
                    if "key" not in data__privacy:
                        raise Mismatch
                    if "key_id" not in data__privacy:
                        raise Mismatch
                data__privacy_keys = set(data__privacy.keys())
                if "drop" in data__privacy_keys:
                    data__privacy_keys.remove("drop")
                    data__privacy__drop = data__privacy["drop"]
                    if not isinstance(data__privacy__drop, (list, tuple)):
                        raise Mismatch
                    data__privacy__drop_is_list = isinstance(data__privacy__drop, (list, tuple))
                    if data__privacy__drop_is_list:
                        def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                        data__privacy__drop_len = len(data__privacy__drop)
                        if data__privacy__drop_len > len(set(fn(data__privacy__drop_x) for data__privacy__drop_x in data__privacy__drop)):
                            raise Mismatch
                        for data__privacy__drop_x, data__privacy__drop_item in enumerate(data__privacy__drop):
                            if not isinstance(data__privacy__drop_item, (str)):
                                raise Mismatch
                            if isinstance(data__privacy__drop_item, str):
                                data__privacy__drop_item_len = len(data__privacy__drop_item)
                                if data__privacy__drop_item_len < 1:
                                    raise Mismatch
                if "hash" in data__privacy_keys:
                    data__privacy_keys.remove("hash")
                    data__privacy__hash = data__privacy["hash"]
                    if not isinstance(data__privacy__hash, (list, tuple)):
                        raise Mismatch
                    data__privacy__hash_is_list = isinstance(data__privacy__hash, (list, tuple))
                    if data__privacy__hash_is_list:
                        def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                        data__privacy__hash_len = len(data__privacy__hash)
                        if data__privacy__hash_len > len(set(fn(data__privacy__hash_x) for data__privacy__hash_x in data__privacy__hash)):
                            raise Mismatch
                        for data__privacy__hash_x, data__privacy__hash_item in enumerate(data__privacy__hash):
                            if not isinstance(data__privacy__hash_item, (str)):
                                raise Mismatch
                            if isinstance(data__privacy__hash_item, str):
                                data__privacy__hash_item_len = len(data__privacy__hash_item)
                                if data__privacy__hash_item_len < 1:
                                    raise Mismatch
                if "key" in data__privacy_keys:
                    data__privacy_keys.remove("key")
                    data__privacy__key = data__privacy["key"]
                    if not isinstance(data__privacy__key, (dict)):
                        raise Mismatch
                    data__privacy__key_is_dict = isinstance(data__privacy__key, dict)
                    if data__privacy__key_is_dict:
                        data__privacy__key__missing_keys = set(['secret']) - data__privacy__key.keys()
                        if data__privacy__key__missing_keys:
                            raise Mismatch
                        data__privacy__key_keys = set(data__privacy__key.keys())
                        if "secret" in data__privacy__key_keys:
                            data__privacy__key_keys.remove("secret")
                            data__privacy__key__secret = data__privacy__key["secret"]
                            if not isinstance(data__privacy__key__secret, (dict)):
                                raise Mismatch
                            data__privacy__key__secret_is_dict = isinstance(data__privacy__key__secret, dict)
                            if data__privacy__key__secret_is_dict:
                                data__privacy__key__secret_len = len(data__privacy__key__secret)
                                if data__privacy__key__secret_len < 1:
                                    raise Mismatch
                                if data__privacy__key__secret_len > 1:
                                    raise Mismatch
                                data__privacy__key__secret_keys = set(data__privacy__key__secret.keys())
                                if "env" in data__privacy__key__secret_keys:
                                    data__privacy__key__secret_keys.remove("env")
                                    data__privacy__key__secret__env = data__privacy__key__secret["env"]
                                    if not isinstance(data__privacy__key__secret__env, (str)):
                                        raise Mismatch
                                    if isinstance(data__privacy__key__secret__env, str):
                                        if not DATASET_2.search(data__privacy__key__secret__env):
                                            raise Mismatch
                                if "file" in data__privacy__key__secret_keys:
                                    data__privacy__key__secret_keys.remove("file")
                                    data__privacy__key__secret__file = data__privacy__key__secret["file"]
                                    if not isinstance(data__privacy__key__secret__file, (str)):
                                        raise Mismatch
                                    if isinstance(data__privacy__key__secret__file, str):
                                        data__privacy__key__secret__file_len = len(data__privacy__key__secret__file)
                                        if data__privacy__key__secret__file_len < 1:
                                            raise Mismatch
                                if data__privacy__key__secret_keys:
                                    raise Mismatch
                        if data__privacy__key_keys:
                            raise Mismatch
                if "key_id" in data__privacy_keys:
                    data__privacy_keys.remove("key_id")
                    data__privacy__keyid = data__privacy["key_id"]
                    if not isinstance(data__privacy__keyid, (str)):
                        raise Mismatch
                    if isinstance(data__privacy__keyid, str):
                        data__privacy__keyid_len = len(data__privacy__keyid)
                        if data__privacy__keyid_len < 1:
                            raise Mismatch
                if data__privacy_keys:
                    raise Mismatch
        if "split" in data_keys:
            data_keys.remove("split")
            data__split = data["split"]
            if not isinstance(data__split, (dict)):
                raise Mismatch
            data__split_is_dict = isinstance(data__split, dict)
            if data__split_is_dict:
                if "by" in data__split:
                    data__split_is_dict = isinstance(data__split, dict)
                    if data__split_is_dict:
                        data__split_keys = set(data__split.keys())
                        if "seed" in data__split_keys:
                            data__split_keys.remove("seed")
                            data__split__seed = data__split["seed"]
                            raise Mismatch
                        if "stratify" in data__split_keys:
                            data__split_keys.remove("stratify")
                            data__split__stratify = data__split["stratify"]
                            raise Mismatch
                        if "column" in data__split_keys:
                            data__split_keys.remove("column")
                            data__split__column = data__split["column"]
                            raise Mismatch
                if "column" in data__split:
                    data__split_is_dict = isinstance(data__split, dict)
                    if data__split_is_dict:
                        data__split_keys = set(data__split.keys())
                        if "test" in data__split_keys:
                            data__split_keys.remove("test")
                            data__split__test = data__split["test"]
                            raise Mismatch
                        if "seed" in data__split_keys:
                            data__split_keys.remove("seed")
                            data__split__seed = data__split["seed"]
                            raise Mismatch
                        if "stratify" in data__split_keys:
                            data__split_keys.remove("stratify")
                            data__split__stratify = data__split["stratify"]
                            raise Mismatch
                data__split_keys = set(data__split.keys())
                if "test" in data__split_keys:
                    data__split_keys.remove("test")
                    data__split__test = data__split["test"]
                    if not isinstance(data__split__test, (int, float)) or isinstance(data__split__test, bool):
                        raise Mismatch
                    if isinstance(data__split__test, (int, float)) and not isinstance(data__split__test, bool):
                        if data__split__test <= 0:
                            raise Mismatch
                        if data__split__test >= 1:
                            raise Mismatch
                if "seed" in data__split_keys:
                    data__split_keys.remove("seed")
                    data__split__seed = data__split["seed"]
                    if not isinstance(data__split__seed, (int)) or isinstance(data__split__seed, bool):
                        raise Mismatch
                    if isinstance(data__split__seed, (int, float)) and not isinstance(data__split__seed, bool):
                        if data__split__seed < 0:
                            raise Mismatch
                        if data__split__seed > 4294967295:
                            raise Mismatch
                if "stratify" in data__split_keys:
                    data__split_keys.remove("stratify")
                    data__split__stratify = data__split["stratify"]
                    if not isinstance(data__split__stratify, (bool)):
                        raise Mismatch
                if "by" in data__split_keys:
                    data__split_keys.remove("by")
                    data__split__by = data__split["by"]
                    if not isinstance(data__split__by, (str)):
                        raise Mismatch
                    if isinstance(data__split__by, str):
                        data__split__by_len = len(data__split__by)
                        if data__split__by_len < 1:
                            raise Mismatch
                if "column" in data__split_keys:
                    data__split_keys.remove("column")
                    data__split__column = data__split["column"]
                    if not isinstance(data__split__column, (str)):
                        raise Mismatch
                    if isinstance(data__split__column, str):
                        data__split__column_len = len(data__split__column)
                        if data__split__column_len < 1:
                            raise Mismatch
                if data__split_keys:
                    raise Mismatch
        if "test" in data_keys:
            data_keys.remove("test")
            data__test = data["test"]
            if not isinstance(data__test, (dict)):
                raise Mismatch
            data__test_is_dict = isinstance(data__test, dict)
            if data__test_is_dict:
                data__test__missing_keys = set(['source']) - data__test.keys()
                if data__test__missing_keys:
                    raise Mismatch
                data__test_keys = set(data__test.keys())
                if "source" in data__test_keys:
                    data__test_keys.remove("source")
                    data__test__source = data__test["source"]
                    if not isinstance(data__test__source, (str)):
                        raise Mismatch
                    if isinstance(data__test__source, str):
                        data__test__source_len = len(data__test__source)
                        if data__test__source_len < 1:
                            raise Mismatch
                if "digest" in data__test_keys:
                    data__test_keys.remove("digest")
                    data__test__digest = data__test["digest"]
                    if not isinstance(data__test__digest, (str)):
                        raise Mismatch
                    if isinstance(data__test__digest, str):
                        if not DATASET_1.search(data__test__digest):
                            raise Mismatch
                if data__test_keys:
                    raise Mismatch
        if "versions" in data_keys:
            data_keys.remove("versions")
            data__versions = data["versions"]
            if not isinstance(data__versions, (dict)):
                raise Mismatch
            data__versions_is_dict = isinstance(data__versions, dict)
            if data__versions_is_dict:
                data__versions_len = len(data__versions)
                if data__versions_len < 1:
                    raise Mismatch
                data__versions_keys = set(data__versions.keys())
                for data__versions_key in data__versions_keys:
                    if data__versions_key not in []:
                        data__versions_value = data__versions.get(data__versions_key)
                        if not isinstance(data__versions_value, (dict, NoneType)):
                            raise Mismatch
                        data__versions_value_is_dict = isinstance(data__versions_value, dict)
                        if data__versions_value_is_dict:
                            data__versions_value_keys = set(data__versions_value.keys())
                            if "description" in data__versions_value_keys:
                                data__versions_value_keys.remove("description")
                                data__versions_value__description = data__versions_value["description"]
                                if not isinstance(data__versions_value__description, (str, NoneType)):
                                    raise Mismatch
                            if "source" in data__versions_value_keys:
                                data__versions_value_keys.remove("source")
                                data__versions_value__source = data__versions_value["source"]
                                if not isinstance(data__versions_value__source, (str, NoneType)):
                                    raise Mismatch
                                if isinstance(data__versions_value__source, str):
                                    data__versions_value__source_len = len(data__versions_value__source)
                                    if data__versions_value__source_len < 1:
                                        raise Mismatch
                            if "digest" in data__versions_value_keys:
                                data__versions_value_keys.remove("digest")
                                data__versions_value__digest = data__versions_value["digest"]
                                if not isinstance(data__versions_value__digest, (str, NoneType)):
                                    raise Mismatch
                                if isinstance(data__versions_value__digest, str):
                                    if not DATASET_1.search(data__versions_value__digest):
                                        raise Mismatch
                            if "encoding" in data__versions_value_keys:
                                data__versions_value_keys.remove("encoding")
                                data__versions_value__encoding = data__versions_value["encoding"]
                                if not isinstance(data__versions_value__encoding, (str, NoneType)):
                                    raise Mismatch
                                if isinstance(data__versions_value__encoding, str):
                                    data__versions_value__encoding_len = len(data__versions_value__encoding)
                                    if data__versions_value__encoding_len < 1:
                                        raise Mismatch
                            if "delimiter" in data__versions_value_keys:
                                data__versions_value_keys.remove("delimiter")
                                data__versions_value__delimiter = data__versions_value["delimiter"]
                                if not isinstance(data__versions_value__delimiter, (str, NoneType)):
                                    raise Mismatch
                                if isinstance(data__versions_value__delimiter, str):
                                    data__versions_value__delimiter_len = len(data__versions_value__delimiter)
                                    if data__versions_value__delimiter_len < 1:
                                        raise Mismatch
                                    if data__versions_value__delimiter_len > 1:
                                        raise Mismatch
                            if "missing_values" in data__versions_value_keys:
                                data__versions_value_keys.remove("missing_values")
                                data__versions_value__missingvalues = data__versions_value["missing_values"]
                                if not isinstance(data__versions_value__missingvalues, (list, tuple, NoneType)):
                                    raise Mismatch
                                data__versions_value__missingvalues_is_list = isinstance(data__versions_value__missingvalues, (list, tuple))
                                if data__versions_value__missingvalues_is_list:
                                    def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                                    data__versions_value__missingvalues_len = len(data__versions_value__missingvalues)
                                    if data__versions_value__missingvalues_len > len(set(fn(data__versions_value__missingvalues_x) for data__versions_value__missingvalues_x in data__versions_value__missingvalues)):
                                        raise Mismatch
                                    for data__versions_value__missingvalues_x, data__versions_value__missingvalues_item in enumerate(data__versions_value__missingvalues):
                                        if not isinstance(data__versions_value__missingvalues_item, (str)):
                                            raise Mismatch
                            if "target" in data__versions_value_keys:
                                data__versions_value_keys.remove("target")
                                data__versions_value__target = data__versions_value["target"]
                                if not isinstance(data__versions_value__target, (str, NoneType)):
                                    raise Mismatch
                                if isinstance(data__versions_value__target, str):
                                    data__versions_value__target_len = len(data__versions_value__target)
                                    if data__versions_value__target_len < 1:
                                        raise Mismatch
                            if "columns" in data__versions_value_keys:
                                data__versions_value_keys.remove("columns")
                                data__versions_value__columns = data__versions_value["columns"]
                                if not isinstance(data__versions_value__columns, (dict, NoneType)):
                                    raise Mismatch
                                data__versions_value__columns_is_dict = isinstance(data__versions_value__columns, dict)
                                if data__versions_value__columns_is_dict:
                                    data__versions_value__columns_keys = set(data__versions_value__columns.keys())
                                    for data__versions_value__columns_key in data__versions_value__columns_keys:
                                        if data__versions_value__columns_key not in []:
                                            data__versions_value__columns_value = data__versions_value__columns.get(data__versions_value__columns_key)
                                            if not isinstance(data__versions_value__columns_value, (dict, NoneType)):
                                                raise Mismatch
                                            data__versions_value__columns_value_is_dict = isinstance(data__versions_value__columns_value, dict)
                                            if data__versions_value__columns_value_is_dict:
                                                data__versions_value__columns_value_keys = set(data__versions_value__columns_value.keys())
                                                if "type" in data__versions_value__columns_value_keys:
                                                    data__versions_value__columns_value_keys.remove("type")
                                                    data__versions_value__columns_value__type = data__versions_value__columns_value["type"]
                                                    if not (isinstance(data__versions_value__columns_value__type, str) and data__versions_value__columns_value__type == 'number' or isinstance(data__versions_value__columns_value__type, str) and data__versions_value__columns_value__type == 'integer' or isinstance(data__versions_value__columns_value__type, str) and data__versions_value__columns_value__type == 'boolean' or isinstance(data__versions_value__columns_value__type, str) and data__versions_value__columns_value__type == 'string' or data__versions_value__columns_value__type is None):
                                                        raise Mismatch
                                                if "min" in data__versions_value__columns_value_keys:
                                                    data__versions_value__columns_value_keys.remove("min")
                                                    data__versions_value__columns_value__min = data__versions_value__columns_value["min"]
                                                    if not isinstance(data__versions_value__columns_value__min, (int, float, NoneType)) or isinstance(data__versions_value__columns_value__min, bool):
                                                        raise Mismatch
                                                if "max" in data__versions_value__columns_value_keys:
                                                    data__versions_value__columns_value_keys.remove("max")
                                                    data__versions_value__columns_value__max = data__versions_value__columns_value["max"]
                                                    if not isinstance(data__versions_value__columns_value__max, (int, float, NoneType)) or isinstance(data__versions_value__columns_value__max, bool):
                                                        raise Mismatch
                                                if "values" in data__versions_value__columns_value_keys:
                                                    data__versions_value__columns_value_keys.remove("values")
                                                    data__versions_value__columns_value__values = data__versions_value__columns_value["values"]
                                                    if not isinstance(data__versions_value__columns_value__values, (list, tuple, NoneType)):
                                                        raise Mismatch
                                                    data__versions_value__columns_value__values_is_list = isinstance(data__versions_value__columns_value__values, (list, tuple))
                                                    if data__versions_value__columns_value__values_is_list:
                                                        data__versions_value__columns_value__values_len = len(data__versions_value__columns_value__values)
                                                        if data__versions_value__columns_value__values_len < 1:
                                                            raise Mismatch
                                                        def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                                                        if data__versions_value__columns_value__values_len > len(set(fn(data__versions_value__columns_value__values_x) for data__versions_value__columns_value__values_x in data__versions_value__columns_value__values)):
                                                            raise Mismatch
                                                        for data__versions_value__columns_value__values_x, data__versions_value__columns_value__values_item in enumerate(data__versions_value__columns_value__values):
                                                            if not isinstance(data__versions_value__columns_value__values_item, (str, int, float, bool)):
                                                                raise Mismatch
                                                if "missing" in data__versions_value__columns_value_keys:
                                                    data__versions_value__columns_value_keys.remove("missing")
                                                    data__versions_value__columns_value__missing = data__versions_value__columns_value["missing"]
                                                    if not isinstance(data__versions_value__columns_value__missing, (str, int, float, bool, NoneType)):
                                                        raise Mismatch
                                                if "nullable" in data__versions_value__columns_value_keys:
                                                    data__versions_value__columns_value_keys.remove("nullable")
                                                    data__versions_value__columns_value__nullable = data__versions_value__columns_value["nullable"]
                                                    if not isinstance(data__versions_value__columns_value__nullable, (bool, NoneType)):
                                                        raise Mismatch
                                                if "unique" in data__versions_value__columns_value_keys:
                                                    data__versions_value__columns_value_keys.remove("unique")
                                                    data__versions_value__columns_value__unique = data__versions_value__columns_value["unique"]
                                                    if not isinstance(data__versions_value__columns_value__unique, (bool, NoneType)):
                                                        raise Mismatch
                                                if "description" in data__versions_value__columns_value_keys:
                                                    data__versions_value__columns_value_keys.remove("description")
                                                    data__versions_value__columns_value__description = data__versions_value__columns_value["description"]
                                                    if not isinstance(data__versions_value__columns_value__description, (str, NoneType)):
                                                        raise Mismatch
                                                if data__versions_value__columns_value_keys:
                                                    raise Mismatch
                            if "privacy" in data__versions_value_keys:
                                data__versions_value_keys.remove("privacy")
                                data__versions_value__privacy = data__versions_value["privacy"]
                                if not isinstance(data__versions_value__privacy, (dict, NoneType)):
                                    raise Mismatch
                                data__versions_value__privacy_is_dict = isinstance(data__versions_value__privacy, dict)
                                if data__versions_value__privacy_is_dict:
                                    data__versions_value__privacy_keys = set(data__versions_value__privacy.keys())
                                    if "drop" in data__versions_value__privacy_keys:
                                        data__versions_value__privacy_keys.remove("drop")
                                        data__versions_value__privacy__drop = data__versions_value__privacy["drop"]
                                        if not isinstance(data__versions_value__privacy__drop, (list, tuple, NoneType)):
                                            raise Mismatch
                                        data__versions_value__privacy__drop_is_list = isinstance(data__versions_value__privacy__drop, (list, tuple))
                                        if data__versions_value__privacy__drop_is_list:
                                            def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                                            data__versions_value__privacy__drop_len = len(data__versions_value__privacy__drop)
                                            if data__versions_value__privacy__drop_len > len(set(fn(data__versions_value__privacy__drop_x) for data__versions_value__privacy__drop_x in data__versions_value__privacy__drop)):
                                                raise Mismatch
                                            for data__versions_value__privacy__drop_x, data__versions_value__privacy__drop_item in enumerate(data__versions_value__privacy__drop):
                                                if not isinstance(data__versions_value__privacy__drop_item, (str)):
                                                    raise Mismatch
                                                if isinstance(data__versions_value__privacy__drop_item, str):
                                                    data__versions_value__privacy__drop_item_len = len(data__versions_value__privacy__drop_item)
                                                    if data__versions_value__privacy__drop_item_len < 1:
                                                        raise Mismatch
                                    if "hash" in data__versions_value__privacy_keys:
                                        data__versions_value__privacy_keys.remove("hash")
                                        data__versions_value__privacy__hash = data__versions_value__privacy["hash"]
                                        if not isinstance(data__versions_value__privacy__hash, (list, tuple, NoneType)):
                                            raise Mismatch
                                        data__versions_value__privacy__hash_is_list = isinstance(data__versions_value__privacy__hash, (list, tuple))
                                        if data__versions_value__privacy__hash_is_list:
                                            def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                                            data__versions_value__privacy__hash_len = len(data__versions_value__privacy__hash)
                                            if data__versions_value__privacy__hash_len > len(set(fn(data__versions_value__privacy__hash_x) for data__versions_value__privacy__hash_x in data__versions_value__privacy__hash)):
                                                raise Mismatch
                                            for data__versions_value__privacy__hash_x, data__versions_value__privacy__hash_item in enumerate(data__versions_value__privacy__hash):
                                                if not isinstance(data__versions_value__privacy__hash_item, (str)):
                                                    raise Mismatch
                                                if isinstance(data__versions_value__privacy__hash_item, str):
                                                    data__versions_value__privacy__hash_item_len = len(data__versions_value__privacy__hash_item)
                                                    if data__versions_value__privacy__hash_item_len < 1:
                                                        raise Mismatch
                                    if "key" in data__versions_value__privacy_keys:
                                        data__versions_value__privacy_keys.remove("key")
                                        data__versions_value__privacy__key = data__versions_value__privacy["key"]
                                        if not isinstance(data__versions_value__privacy__key, (dict, NoneType)):
                                            raise Mismatch
                                        data__versions_value__privacy__key_is_dict = isinstance(data__versions_value__privacy__key, dict)
                                        if data__versions_value__privacy__key_is_dict:
                                            data__versions_value__privacy__key__missing_keys = set(['secret']) - data__versions_value__privacy__key.keys()
                                            if data__versions_value__privacy__key__missing_keys:
                                                raise Mismatch
                                            data__versions_value__privacy__key_keys = set(data__versions_value__privacy__key.keys())
                                            if "secret" in data__versions_value__privacy__key_keys:
                                                data__versions_value__privacy__key_keys.remove("secret")
                                                data__versions_value__privacy__key__secret = data__versions_value__privacy__key["secret"]
                                                if not isinstance(data__versions_value__privacy__key__secret, (dict)):
                                                    raise Mismatch
                                                data__versions_value__privacy__key__secret_is_dict = isinstance(data__versions_value__privacy__key__secret, dict)
                                                if data__versions_value__privacy__key__secret_is_dict:
                                                    data__versions_value__privacy__key__secret_len = len(data__versions_value__privacy__key__secret)
                                                    if data__versions_value__privacy__key__secret_len < 1:
                                                        raise Mismatch
                                                    if data__versions_value__privacy__key__secret_len > 1:
                                                        raise Mismatch
                                                    data__versions_value__privacy__key__secret_keys = set(data__versions_value__privacy__key__secret.keys())
                                                    if "env" in data__versions_value__privacy__key__secret_keys:
                                                        data__versions_value__privacy__key__secret_keys.remove("env")
                                                        data__versions_value__privacy__key__secret__env = data__versions_value__privacy__key__secret["env"]
                                                        if not isinstance(data__versions_value__privacy__key__secret__env, (str)):
                                                            raise Mismatch
                                                        if isinstance(data__versions_value__privacy__key__secret__env, str):
                                                            if not DATASET_2.search(data__versions_value__privacy__key__secret__env):
                                                                raise Mismatch
                                                    if "file" in data__versions_value__privacy__key__secret_keys:
                                                        data__versions_value__privacy__key__secret_keys.remove("file")
                                                        data__versions_value__privacy__key__secret__file = data__versions_value__privacy__key__secret["file"]
                                                        if not isinstance(data__versions_value__privacy__key__secret__file, (str)):
                                                            raise Mismatch
                                                        if isinstance(data__versions_value__privacy__key__secret__file, str):
                                                            data__versions_value__privacy__key__secret__file_len = len(data__versions_value__privacy__key__secret__file)
                                                            if data__versions_value__privacy__key__secret__file_len < 1:
                                                                raise Mismatch
                                                    if data__versions_value__privacy__key__secret_keys:
                                                        raise Mismatch
                                            if data__versions_value__privacy__key_keys:
                                                raise Mismatch
                                    if "key_id" in data__versions_value__privacy_keys:
                                        data__versions_value__privacy_keys.remove("key_id")
                                        data__versions_value__privacy__keyid = data__versions_value__privacy["key_id"]
                                        if not isinstance(data__versions_value__privacy__keyid, (str, NoneType)):
                                            raise Mismatch
                                        if isinstance(data__versions_value__privacy__keyid, str):
                                            data__versions_value__privacy__keyid_len = len(data__versions_value__privacy__keyid)
                                            if data__versions_value__privacy__keyid_len < 1:
                                                raise Mismatch
                                    if data__versions_value__privacy_keys:
                                        raise Mismatch
                            if "split" in data__versions_value_keys:
                                data__versions_value_keys.remove("split")
                                data__versions_value__split = data__versions_value["split"]
                                if not isinstance(data__versions_value__split, (dict, NoneType)):
                                    raise Mismatch
                                data__versions_value__split_is_dict = isinstance(data__versions_value__split, dict)
                                if data__versions_value__split_is_dict:
                                    data__versions_value__split_keys = set(data__versions_value__split.keys())
                                    if "test" in data__versions_value__split_keys:
                                        data__versions_value__split_keys.remove("test")
                                        data__versions_value__split__test = data__versions_value__split["test"]
                                        if not isinstance(data__versions_value__split__test, (int, float, NoneType)) or isinstance(data__versions_value__split__test, bool):
                                            raise Mismatch
                                        if isinstance(data__versions_value__split__test, (int, float)) and not isinstance(data__versions_value__split__test, bool):
                                            if data__versions_value__split__test <= 0:
                                                raise Mismatch
                                            if data__versions_value__split__test >= 1:
                                                raise Mismatch
                                    if "seed" in data__versions_value__split_keys:
                                        data__versions_value__split_keys.remove("seed")
                                        data__versions_value__split__seed = data__versions_value__split["seed"]
                                        if not isinstance(data__versions_value__split__seed, (int, NoneType)) or isinstance(data__versions_value__split__seed, bool):
                                            raise Mismatch
                                        if isinstance(data__versions_value__split__seed, (int, float)) and not isinstance(data__versions_value__split__seed, bool):
                                            if data__versions_value__split__seed < 0:
                                                raise Mismatch
                                            if data__versions_value__split__seed > 4294967295:
                                                raise Mismatch
                                    if "stratify" in data__versions_value__split_keys:
                                        data__versions_value__split_keys.remove("stratify")
                                        data__versions_value__split__stratify = data__versions_value__split["stratify"]
                                        if not isinstance(data__versions_value__split__stratify, (bool, NoneType)):
                                            raise Mismatch
                                    if "by" in data__versions_value__split_keys:
                                        data__versions_value__split_keys.remove("by")
                                        data__versions_value__split__by = data__versions_value__split["by"]
                                        if not isinstance(data__versions_value__split__by, (str, NoneType)):
                                            raise Mismatch
                                        if isinstance(data__versions_value__split__by, str):
                                            data__versions_value__split__by_len = len(data__versions_value__split__by)
                                            if data__versions_value__split__by_len < 1:
                                                raise Mismatch
                                    if "column" in data__versions_value__split_keys:
                                        data__versions_value__split_keys.remove("column")
                                        data__versions_value__split__column = data__versions_value__split["column"]
                                        if not isinstance(data__versions_value__split__column, (str, NoneType)):
                                            raise Mismatch
                                        if isinstance(data__versions_value__split__column, str):
                                            data__versions_value__split__column_len = len(data__versions_value__split__column)
                                            if data__versions_value__split__column_len < 1:
                                                raise Mismatch
                                    if data__versions_value__split_keys:
                                        raise Mismatch
                            if "test" in data__versions_value_keys:
                                data__versions_value_keys.remove("test")
                                data__versions_value__test = data__versions_value["test"]
                                if not isinstance(data__versions_value__test, (dict, NoneType)):
                                    raise Mismatch
                                data__versions_value__test_is_dict = isinstance(data__versions_value__test, dict)
                                if data__versions_value__test_is_dict:
                                    data__versions_value__test_keys = set(data__versions_value__test.keys())
                                    if "source" in data__versions_value__test_keys:
                                        data__versions_value__test_keys.remove("source")
                                        data__versions_value__test__source = data__versions_value__test["source"]
                                        if not isinstance(data__versions_value__test__source, (str, NoneType)):
                                            raise Mismatch
                                        if isinstance(data__versions_value__test__source, str):
                                            data__versions_value__test__source_len = len(data__versions_value__test__source)
                                            if data__versions_value__test__source_len < 1:
                                                raise Mismatch
                                    if "digest" in data__versions_value__test_keys:
                                        data__versions_value__test_keys.remove("digest")
                                        data__versions_value__test__digest = data__versions_value__test["digest"]
                                        if not isinstance(data__versions_value__test__digest, (str, NoneType)):
                                            raise Mismatch
                                        if isinstance(data__versions_value__test__digest, str):
                                            if not DATASET_1.search(data__versions_value__test__digest):
                                                raise Mismatch
                                    if data__versions_value__test_keys:
                                        raise Mismatch
                            if data__versions_value_keys:
                                raise Mismatch
                if data__versions_len != 0:
                    data__versions_property_names = True
                    for data__versions_key in data__versions:
                        try:
                            if isinstance(data__versions_key, str):
                                if not DATASET_0.search(data__versions_key):
                                    raise Mismatch
                        except Mismatch:
                            data__versions_property_names = False
                    if not data__versions_property_names:
                        raise Mismatch
        if data_keys:
            raise Mismatch
    return data


MODEL_0 = re.compile('^[a-z0-9][a-z0-9._-]{0,62}\\Z')
MODEL_1 = re.compile('^[^@]+(@[^@]+)?\\Z')


def model(data):
    if not isinstance(data, (dict)):
        raise Mismatch
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['kind', 'name', 'versions']) - data.keys()
        if data__missing_keys:
            raise Mismatch
        data_keys = set(data.keys())
        if "kind" in data_keys:
            data_keys.remove("kind")
            data__kind = data["kind"]
            if not (isinstance(data__kind, str) and data__kind == 'Model'):
                raise Mismatch
        if "name" in data_keys:
            data_keys.remove("name")
            data__name = data["name"]
            if not isinstance(data__name, (str)):
                raise Mismatch
            if isinstance(data__name, str):
                if not MODEL_0.search(data__name):
                    raise Mismatch
        if "description" in data_keys:
            data_keys.remove("description")
            data__description = data["description"]
            if not isinstance(data__description, (str)):
                raise Mismatch
        if "labels" in data_keys:
            data_keys.remove("labels")
            data__labels = data["labels"]
            if not isinstance(data__labels, (dict)):
                raise Mismatch
            data__labels_is_dict = isinstance(data__labels, dict)
            if data__labels_is_dict:
                data__labels_keys = set(data__labels.keys())
                for data__labels_key in data__labels_keys:
                    if data__labels_key not in []:
                        data__labels_value = data__labels.get(data__labels_key)
                        if not isinstance(data__labels_value, (str, int, float, bool)):
                            raise Mismatch
        if "dataset" in data_keys:
            data_keys.remove("dataset")
            data__dataset = data["dataset"]
            if not isinstance(data__dataset, (str)):
                raise Mismatch
            if isinstance(data__dataset, str):
                if not MODEL_1.search(data__dataset):
                    raise Mismatch
        if "task" in data_keys:
            data_keys.remove("task")
            data__task = data["task"]
            if not (isinstance(data__task, str) and data__task == 'classification' or isinstance(data__task, str) and data__task == 'regression' or isinstance(data__task, str) and data__task == 'clustering' or isinstance(data__task, str) and data__task == 'anomaly'):
                raise Mismatch
        if "seed" in data_keys:
            data_keys.remove("seed")
            data__seed = data["seed"]
            if not isinstance(data__seed, (int)) or isinstance(data__seed, bool):
                raise Mismatch
            if isinstance(data__seed, (int, float)) and not isinstance(data__seed, bool):
                if data__seed < 0:
                    raise Mismatch
                if data__seed > 4294967295:
                    raise Mismatch
        if "revision" in data_keys:
            data_keys.remove("revision")
            data__revision = data["revision"]
            if not isinstance(data__revision, (int)) or isinstance(data__revision, bool):
                raise Mismatch
            if isinstance(data__revision, (int, float)) and not isinstance(data__revision, bool):
                if data__revision < 1:
                    raise Mismatch
        if "features" in data_keys:
            data_keys.remove("features")
            data__features = data["features"]
            if not isinstance(data__features, (list, tuple)):
                raise Mismatch
            data__features_is_list = isinstance(data__features, (list, tuple))
            if data__features_is_list:
                data__features_len = len(data__features)
                if data__features_len < 1:
                    raise Mismatch
                def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                if data__features_len > len(set(fn(data__features_x) for data__features_x in data__features)):
                    raise Mismatch
                for data__features_x, data__features_item in enumerate(data__features):
                    if not isinstance(data__features_item, (str)):
                        raise Mismatch
                    if isinstance(data__features_item, str):
                        data__features_item_len = len(data__features_item)
                        if data__features_item_len < 1:
                            raise Mismatch
        if "preprocess" in data_keys:
            data_keys.remove("preprocess")
            data__preprocess = data["preprocess"]
            if not isinstance(data__preprocess, (list, tuple)):
                raise Mismatch
            data__preprocess_is_list = isinstance(data__preprocess, (list, tuple))
            if data__preprocess_is_list:
                data__preprocess_len = len(data__preprocess)
                for data__preprocess_x, data__preprocess_item in enumerate(data__preprocess):
                    if not isinstance(data__preprocess_item, (dict)):
                        raise Mismatch
                    data__preprocess_item_is_dict = isinstance(data__preprocess_item, dict)
                    if data__preprocess_item_is_dict:
                        data__preprocess_item__missing_keys = set(['use']) - data__preprocess_item.keys()
                        if data__preprocess_item__missing_keys:
                            raise Mismatch
                        data__preprocess_item_keys = set(data__preprocess_item.keys())
                        if "columns" in data__preprocess_item_keys:
                            data__preprocess_item_keys.remove("columns")
                            data__preprocess_item__columns = data__preprocess_item["columns"]
                            data__preprocess_item__columns_any_of_count1 = 0
                            if not data__preprocess_item__columns_any_of_count1:
                                try:
                                    if not (isinstance(data__preprocess_item__columns, str) and data__preprocess_item__columns == 'numeric' or isinstance(data__preprocess_item__columns, str) and data__preprocess_item__columns == 'categorical' or isinstance(data__preprocess_item__columns, str) and data__preprocess_item__columns == 'all'):
                                        raise Mismatch
                                    data__preprocess_item__columns_any_of_count1 += 1
                                except Mismatch: pass
                            if not data__preprocess_item__columns_any_of_count1:
                                try:
                                    if not isinstance(data__preprocess_item__columns, (list, tuple)):
                                        raise Mismatch
                                    data__preprocess_item__columns_is_list = isinstance(data__preprocess_item__columns, (list, tuple))
                                    if data__preprocess_item__columns_is_list:
                                        data__preprocess_item__columns_len = len(data__preprocess_item__columns)
                                        if data__preprocess_item__columns_len < 1:
                                            raise Mismatch
                                        def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                                        if data__preprocess_item__columns_len > len(set(fn(data__preprocess_item__columns_x) for data__preprocess_item__columns_x in data__preprocess_item__columns)):
                                            raise Mismatch
                                        for data__preprocess_item__columns_x, data__preprocess_item__columns_item in enumerate(data__preprocess_item__columns):
                                            if not isinstance(data__preprocess_item__columns_item, (str)):
                                                raise Mismatch
                                            if isinstance(data__preprocess_item__columns_item, str):
                                                data__preprocess_item__columns_item_len = len(data__preprocess_item__columns_item)
                                                if data__preprocess_item__columns_item_len < 1:
                                                    raise Mismatch
                                    data__preprocess_item__columns_any_of_count1 += 1
                                except Mismatch: pass
                            if not data__preprocess_item__columns_any_of_count1:
                                raise Mismatch
                        if "use" in data__preprocess_item_keys:
                            data__preprocess_item_keys.remove("use")
                            data__preprocess_item__use = data__preprocess_item["use"]
                            if not isinstance(data__preprocess_item__use, (str)):
                                raise Mismatch
                            if isinstance(data__preprocess_item__use, str):
                                data__preprocess_item__use_len = len(data__preprocess_item__use)
                                if data__preprocess_item__use_len < 1:
                                    raise Mismatch
                        if "params" in data__preprocess_item_keys:
                            data__preprocess_item_keys.remove("params")
                            data__preprocess_item__params = data__preprocess_item["params"]
                            if not isinstance(data__preprocess_item__params, (dict)):
                                raise Mismatch
                        if data__preprocess_item_keys:
                            raise Mismatch
        if "algorithm" in data_keys:
            data_keys.remove("algorithm")
            data__algorithm = data["algorithm"]
            if not isinstance(data__algorithm, (str)):
                raise Mismatch
            if isinstance(data__algorithm, str):
                data__algorithm_len = len(data__algorithm)
                if data__algorithm_len < 1:
                    raise Mismatch
        if "params" in data_keys:
            data_keys.remove("params")
            data__params = data["params"]
            if not isinstance(data__params, (dict)):
                raise Mismatch
        if "import" in data_keys:
            data_keys.remove("import")
            data__import = data["import"]
            if not isinstance(data__import, (str)):
                raise Mismatch
            if isinstance(data__import, str):
                data__import_len = len(data__import)
                if data__import_len < 1:
                    raise Mismatch
        if "command" in data_keys:
            data_keys.remove("command")
            data__command = data["command"]
            if not isinstance(data__command, (list, tuple)):
                raise Mismatch
            data__command_is_list = isinstance(data__command, (list, tuple))
            if data__command_is_list:
                data__command_len = len(data__command)
                if data__command_len < 1:
                    raise Mismatch
                for data__command_x, data__command_item in enumerate(data__command):
                    if not isinstance(data__command_item, (str)):
                        raise Mismatch
        if "warm_start" in data_keys:
            data_keys.remove("warm_start")
            data__warmstart = data["warm_start"]
            if not isinstance(data__warmstart, (str)):
                raise Mismatch
            if isinstance(data__warmstart, str):
                data__warmstart_len = len(data__warmstart)
                if data__warmstart_len < 1:
                    raise Mismatch
        if "evaluate" in data_keys:
            data_keys.remove("evaluate")
            data__evaluate = data["evaluate"]
            if not isinstance(data__evaluate, (dict)):
                raise Mismatch
            data__evaluate_is_dict = isinstance(data__evaluate, dict)
            if data__evaluate_is_dict:
                data__evaluate_keys = set(data__evaluate.keys())
                if "metrics" in data__evaluate_keys:
                    data__evaluate_keys.remove("metrics")
                    data__evaluate__metrics = data__evaluate["metrics"]
                    if not isinstance(data__evaluate__metrics, (list, tuple)):
                        raise Mismatch
                    data__evaluate__metrics_is_list = isinstance(data__evaluate__metrics, (list, tuple))
                    if data__evaluate__metrics_is_list:
                        data__evaluate__metrics_len = len(data__evaluate__metrics)
                        if data__evaluate__metrics_len < 1:
                            raise Mismatch
                        def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                        if data__evaluate__metrics_len > len(set(fn(data__evaluate__metrics_x) for data__evaluate__metrics_x in data__evaluate__metrics)):
                            raise Mismatch
                        for data__evaluate__metrics_x, data__evaluate__metrics_item in enumerate(data__evaluate__metrics):
                            if not isinstance(data__evaluate__metrics_item, (str)):
                                raise Mismatch
                            if isinstance(data__evaluate__metrics_item, str):
                                data__evaluate__metrics_item_len = len(data__evaluate__metrics_item)
                                if data__evaluate__metrics_item_len < 1:
                                    raise Mismatch
                if "cross_validation" in data__evaluate_keys:
                    data__evaluate_keys.remove("cross_validation")
                    data__evaluate__crossvalidation = data__evaluate["cross_validation"]
                    if not isinstance(data__evaluate__crossvalidation, (int)) or isinstance(data__evaluate__crossvalidation, bool):
                        raise Mismatch
                    if isinstance(data__evaluate__crossvalidation, (int, float)) and not isinstance(data__evaluate__crossvalidation, bool):
                        if data__evaluate__crossvalidation < 2:
                            raise Mismatch
                        if data__evaluate__crossvalidation > 100:
                            raise Mismatch
                if "positive" in data__evaluate_keys:
                    data__evaluate_keys.remove("positive")
                    data__evaluate__positive = data__evaluate["positive"]
                    if not isinstance(data__evaluate__positive, (str, int, float, bool)):
                        raise Mismatch
                if "average" in data__evaluate_keys:
                    data__evaluate_keys.remove("average")
                    data__evaluate__average = data__evaluate["average"]
                    if not (isinstance(data__evaluate__average, str) and data__evaluate__average == 'binary' or isinstance(data__evaluate__average, str) and data__evaluate__average == 'macro' or isinstance(data__evaluate__average, str) and data__evaluate__average == 'micro' or isinstance(data__evaluate__average, str) and data__evaluate__average == 'weighted'):
                        raise Mismatch
                if data__evaluate_keys:
                    raise Mismatch
        if "export" in data_keys:
            data_keys.remove("export")
            data__export = data["export"]
            if not isinstance(data__export, (dict)):
                raise Mismatch
            data__export_is_dict = isinstance(data__export, dict)
            if data__export_is_dict:
                data__export_keys = set(data__export.keys())
                if "opset" in data__export_keys:
                    data__export_keys.remove("opset")
                    data__export__opset = data__export["opset"]
                    if not isinstance(data__export__opset, (int)) or isinstance(data__export__opset, bool):
                        raise Mismatch
                    if isinstance(data__export__opset, (int, float)) and not isinstance(data__export__opset, bool):
                        if data__export__opset < 17:
                            raise Mismatch
                        if data__export__opset > 21:
                            raise Mismatch
                if data__export_keys:
                    raise Mismatch
        if "versions" in data_keys:
            data_keys.remove("versions")
            data__versions = data["versions"]
            if not isinstance(data__versions, (dict)):
                raise Mismatch
            data__versions_is_dict = isinstance(data__versions, dict)
            if data__versions_is_dict:
                data__versions_len = len(data__versions)
                if data__versions_len < 1:
                    raise Mismatch
                data__versions_keys = set(data__versions.keys())
                for data__versions_key in data__versions_keys:
                    if data__versions_key not in []:
                        data__versions_value = data__versions.get(data__versions_key)
                        if not isinstance(data__versions_value, (dict, NoneType)):
                            raise Mismatch
                        data__versions_value_is_dict = isinstance(data__versions_value, dict)
                        if data__versions_value_is_dict:
                            data__versions_value_keys = set(data__versions_value.keys())
                            if "description" in data__versions_value_keys:
                                data__versions_value_keys.remove("description")
                                data__versions_value__description = data__versions_value["description"]
                                if not isinstance(data__versions_value__description, (str, NoneType)):
                                    raise Mismatch
                            if "labels" in data__versions_value_keys:
                                data__versions_value_keys.remove("labels")
                                data__versions_value__labels = data__versions_value["labels"]
                                if not isinstance(data__versions_value__labels, (dict, NoneType)):
                                    raise Mismatch
                                data__versions_value__labels_is_dict = isinstance(data__versions_value__labels, dict)
                                if data__versions_value__labels_is_dict:
                                    data__versions_value__labels_keys = set(data__versions_value__labels.keys())
                                    for data__versions_value__labels_key in data__versions_value__labels_keys:
                                        if data__versions_value__labels_key not in []:
                                            data__versions_value__labels_value = data__versions_value__labels.get(data__versions_value__labels_key)
                                            if not isinstance(data__versions_value__labels_value, (str, int, float, bool, NoneType)):
                                                raise Mismatch
                            if "dataset" in data__versions_value_keys:
                                data__versions_value_keys.remove("dataset")
                                data__versions_value__dataset = data__versions_value["dataset"]
                                if not isinstance(data__versions_value__dataset, (str, NoneType)):
                                    raise Mismatch
                                if isinstance(data__versions_value__dataset, str):
                                    if not MODEL_1.search(data__versions_value__dataset):
                                        raise Mismatch
                            if "task" in data__versions_value_keys:
                                data__versions_value_keys.remove("task")
                                data__versions_value__task = data__versions_value["task"]
                                if not (isinstance(data__versions_value__task, str) and data__versions_value__task == 'classification' or isinstance(data__versions_value__task, str) and data__versions_value__task == 'regression' or isinstance(data__versions_value__task, str) and data__versions_value__task == 'clustering' or isinstance(data__versions_value__task, str) and data__versions_value__task == 'anomaly' or data__versions_value__task is None):
                                    raise Mismatch
                            if "seed" in data__versions_value_keys:
                                data__versions_value_keys.remove("seed")
                                data__versions_value__seed = data__versions_value["seed"]
                                if not isinstance(data__versions_value__seed, (int, NoneType)) or isinstance(data__versions_value__seed, bool):
                                    raise Mismatch
                                if isinstance(data__versions_value__seed, (int, float)) and not isinstance(data__versions_value__seed, bool):
                                    if data__versions_value__seed < 0:
                                        raise Mismatch
                                    if data__versions_value__seed > 4294967295:
                                        raise Mismatch
                            if "revision" in data__versions_value_keys:
                                data__versions_value_keys.remove("revision")
                                data__versions_value__revision = data__versions_value["revision"]
                                if not isinstance(data__versions_value__revision, (int, NoneType)) or isinstance(data__versions_value__revision, bool):
                                    raise Mismatch
                                if isinstance(data__versions_value__revision, (int, float)) and not isinstance(data__versions_value__revision, bool):
                                    if data__versions_value__revision < 1:
                                        raise Mismatch
                            if "features" in data__versions_value_keys:
                                data__versions_value_keys.remove("features")
                                data__versions_value__features = data__versions_value["features"]
                                if not isinstance(data__versions_value__features, (list, tuple, NoneType)):
                                    raise Mismatch
                                data__versions_value__features_is_list = isinstance(data__versions_value__features, (list, tuple))
                                if data__versions_value__features_is_list:
                                    data__versions_value__features_len = len(data__versions_value__features)
                                    if data__versions_value__features_len < 1:
                                        raise Mismatch
                                    def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                                    if data__versions_value__features_len > len(set(fn(data__versions_value__features_x) for data__versions_value__features_x in data__versions_value__features)):
                                        raise Mismatch
                                    for data__versions_value__features_x, data__versions_value__features_item in enumerate(data__versions_value__features):
                                        if not isinstance(data__versions_value__features_item, (str)):
                                            raise Mismatch
                                        if isinstance(data__versions_value__features_item, str):
                                            data__versions_value__features_item_len = len(data__versions_value__features_item)
                                            if data__versions_value__features_item_len < 1:
                                                raise Mismatch
                            if "preprocess" in data__versions_value_keys:
                                data__versions_value_keys.remove("preprocess")
                                data__versions_value__preprocess = data__versions_value["preprocess"]
                                if not isinstance(data__versions_value__preprocess, (list, tuple, NoneType)):
                                    raise Mismatch
                                data__versions_value__preprocess_is_list = isinstance(data__versions_value__preprocess, (list, tuple))
                                if data__versions_value__preprocess_is_list:
                                    data__versions_value__preprocess_len = len(data__versions_value__preprocess)
                                    for data__versions_value__preprocess_x, data__versions_value__preprocess_item in enumerate(data__versions_value__preprocess):
                                        if not isinstance(data__versions_value__preprocess_item, (dict)):
                                            raise Mismatch
                                        data__versions_value__preprocess_item_is_dict = isinstance(data__versions_value__preprocess_item, dict)
                                        if data__versions_value__preprocess_item_is_dict:
                                            data__versions_value__preprocess_item__missing_keys = set(['use']) - data__versions_value__preprocess_item.keys()
                                            if data__versions_value__preprocess_item__missing_keys:
                                                raise Mismatch
                                            data__versions_value__preprocess_item_keys = set(data__versions_value__preprocess_item.keys())
                                            if "columns" in data__versions_value__preprocess_item_keys:
                                                data__versions_value__preprocess_item_keys.remove("columns")
                                                data__versions_value__preprocess_item__columns = data__versions_value__preprocess_item["columns"]
                                                data__versions_value__preprocess_item__columns_any_of_count2 = 0
                                                if not data__versions_value__preprocess_item__columns_any_of_count2:
                                                    try:
                                                        if not (isinstance(data__versions_value__preprocess_item__columns, str) and data__versions_value__preprocess_item__columns == 'numeric' or isinstance(data__versions_value__preprocess_item__columns, str) and data__versions_value__preprocess_item__columns == 'categorical' or isinstance(data__versions_value__preprocess_item__columns, str) and data__versions_value__preprocess_item__columns == 'all'):
                                                            raise Mismatch
                                                        data__versions_value__preprocess_item__columns_any_of_count2 += 1
                                                    except Mismatch: pass
                                                if not data__versions_value__preprocess_item__columns_any_of_count2:
                                                    try:
                                                        if not isinstance(data__versions_value__preprocess_item__columns, (list, tuple)):
                                                            raise Mismatch
                                                        data__versions_value__preprocess_item__columns_is_list = isinstance(data__versions_value__preprocess_item__columns, (list, tuple))
                                                        if data__versions_value__preprocess_item__columns_is_list:
                                                            data__versions_value__preprocess_item__columns_len = len(data__versions_value__preprocess_item__columns)
                                                            if data__versions_value__preprocess_item__columns_len < 1:
                                                                raise Mismatch
                                                            def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                                                            if data__versions_value__preprocess_item__columns_len > len(set(fn(data__versions_value__preprocess_item__columns_x) for data__versions_value__preprocess_item__columns_x in data__versions_value__preprocess_item__columns)):
                                                                raise Mismatch
                                                            for data__versions_value__preprocess_item__columns_x, data__versions_value__preprocess_item__columns_item in enumerate(data__versions_value__preprocess_item__columns):
                                                                if not isinstance(data__versions_value__preprocess_item__columns_item, (str)):
                                                                    raise Mismatch
                                                                if isinstance(data__versions_value__preprocess_item__columns_item, str):
                                                                    data__versions_value__preprocess_item__columns_item_len = len(data__versions_value__preprocess_item__columns_item)
                                                                    if data__versions_value__preprocess_item__columns_item_len < 1:
                                                                        raise Mismatch
                                                        data__versions_value__preprocess_item__columns_any_of_count2 += 1
                                                    except Mismatch: pass
                                                if not data__versions_value__preprocess_item__columns_any_of_count2:
                                                    raise Mismatch
                                            if "use" in data__versions_value__preprocess_item_keys:
                                                data__versions_value__preprocess_item_keys.remove("use")
                                                data__versions_value__preprocess_item__use = data__versions_value__preprocess_item["use"]
                                                if not isinstance(data__versions_value__preprocess_item__use, (str)):
                                                    raise Mismatch
                                                if isinstance(data__versions_value__preprocess_item__use, str):
                                                    data__versions_value__preprocess_item__use_len = len(data__versions_value__preprocess_item__use)
                                                    if data__versions_value__preprocess_item__use_len < 1:
                                                        raise Mismatch
                                            if "params" in data__versions_value__preprocess_item_keys:
                                                data__versions_value__preprocess_item_keys.remove("params")
                                                data__versions_value__preprocess_item__params = data__versions_value__preprocess_item["params"]
                                                if not isinstance(data__versions_value__preprocess_item__params, (dict)):
                                                    raise Mismatch
                                            if data__versions_value__preprocess_item_keys:
                                                raise Mismatch
                            if "algorithm" in data__versions_value_keys:
                                data__versions_value_keys.remove("algorithm")
                                data__versions_value__algorithm = data__versions_value["algorithm"]
                                if not isinstance(data__versions_value__algorithm, (str, NoneType)):
                                    raise Mismatch
                                if isinstance(data__versions_value__algorithm, str):
                                    data__versions_value__algorithm_len = len(data__versions_value__algorithm)
                                    if data__versions_value__algorithm_len < 1:
                                        raise Mismatch
                            if "params" in data__versions_value_keys:
                                data__versions_value_keys.remove("params")
                                data__versions_value__params = data__versions_value["params"]
                                if not isinstance(data__versions_value__params, (dict, NoneType)):
                                    raise Mismatch
                            if "import" in data__versions_value_keys:
                                data__versions_value_keys.remove("import")
                                data__versions_value__import = data__versions_value["import"]
                                if not isinstance(data__versions_value__import, (str, NoneType)):
                                    raise Mismatch
                                if isinstance(data__versions_value__import, str):
                                    data__versions_value__import_len = len(data__versions_value__import)
                                    if data__versions_value__import_len < 1:
                                        raise Mismatch
                            if "command" in data__versions_value_keys:
                                data__versions_value_keys.remove("command")
                                data__versions_value__command = data__versions_value["command"]
                                if not isinstance(data__versions_value__command, (list, tuple, NoneType)):
                                    raise Mismatch
                                data__versions_value__command_is_list = isinstance(data__versions_value__command, (list, tuple))
                                if data__versions_value__command_is_list:
                                    data__versions_value__command_len = len(data__versions_value__command)
                                    if data__versions_value__command_len < 1:
                                        raise Mismatch
                                    for data__versions_value__command_x, data__versions_value__command_item in enumerate(data__versions_value__command):
                                        if not isinstance(data__versions_value__command_item, (str)):
                                            raise Mismatch
                            if "warm_start" in data__versions_value_keys:
                                data__versions_value_keys.remove("warm_start")
                                data__versions_value__warmstart = data__versions_value["warm_start"]
                                if not isinstance(data__versions_value__warmstart, (str, NoneType)):
                                    raise Mismatch
                                if isinstance(data__versions_value__warmstart, str):
                                    data__versions_value__warmstart_len = len(data__versions_value__warmstart)
                                    if data__versions_value__warmstart_len < 1:
                                        raise Mismatch
                            if "evaluate" in data__versions_value_keys:
                                data__versions_value_keys.remove("evaluate")
                                data__versions_value__evaluate = data__versions_value["evaluate"]
                                if not isinstance(data__versions_value__evaluate, (dict, NoneType)):
                                    raise Mismatch
                                data__versions_value__evaluate_is_dict = isinstance(data__versions_value__evaluate, dict)
                                if data__versions_value__evaluate_is_dict:
                                    data__versions_value__evaluate_keys = set(data__versions_value__evaluate.keys())
                                    if "metrics" in data__versions_value__evaluate_keys:
                                        data__versions_value__evaluate_keys.remove("metrics")
                                        data__versions_value__evaluate__metrics = data__versions_value__evaluate["metrics"]
                                        if not isinstance(data__versions_value__evaluate__metrics, (list, tuple, NoneType)):
                                            raise Mismatch
                                        data__versions_value__evaluate__metrics_is_list = isinstance(data__versions_value__evaluate__metrics, (list, tuple))
                                        if data__versions_value__evaluate__metrics_is_list:
                                            data__versions_value__evaluate__metrics_len = len(data__versions_value__evaluate__metrics)
                                            if data__versions_value__evaluate__metrics_len < 1:
                                                raise Mismatch
                                            def fn(var): return frozenset(dict((k, fn(v)) for k, v in var.items()).items()) if hasattr(var, "items") else tuple(fn(v) for v in var) if isinstance(var, (dict, list)) else (bool, var) if isinstance(var, bool) else var
                                            if data__versions_value__evaluate__metrics_len > len(set(fn(data__versions_value__evaluate__metrics_x) for data__versions_value__evaluate__metrics_x in data__versions_value__evaluate__metrics)):
                                                raise Mismatch
                                            for data__versions_value__evaluate__metrics_x, data__versions_value__evaluate__metrics_item in enumerate(data__versions_value__evaluate__metrics):
                                                if not isinstance(data__versions_value__evaluate__metrics_item, (str)):
                                                    raise Mismatch
                                                if isinstance(data__versions_value__evaluate__metrics_item, str):
                                                    data__versions_value__evaluate__metrics_item_len = len(data__versions_value__evaluate__metrics_item)
                                                    if data__versions_value__evaluate__metrics_item_len < 1:
                                                        raise Mismatch
                                    if "cross_validation" in data__versions_value__evaluate_keys:
                                        data__versions_value__evaluate_keys.remove("cross_validation")
                                        data__versions_value__evaluate__crossvalidation = data__versions_value__evaluate["cross_validation"]
                                        if not isinstance(data__versions_value__evaluate__crossvalidation, (int, NoneType)) or isinstance(data__versions_value__evaluate__crossvalidation, bool):
                                            raise Mismatch
                                        if isinstance(data__versions_value__evaluate__crossvalidation, (int, float)) and not isinstance(data__versions_value__evaluate__crossvalidation, bool):
                                            if data__versions_value__evaluate__crossvalidation < 2:
                                                raise Mismatch
                                            if data__versions_value__evaluate__crossvalidation > 100:
                                                raise Mismatch
                                    if "positive" in data__versions_value__evaluate_keys:
                                        data__versions_value__evaluate_keys.remove("positive")
                                        data__versions_value__evaluate__positive = data__versions_value__evaluate["positive"]
                                        if not isinstance(data__versions_value__evaluate__positive, (str, int, float, bool, NoneType)):
                                            raise Mismatch
                                    if "average" in data__versions_value__evaluate_keys:
                                        data__versions_value__evaluate_keys.remove("average")
                                        data__versions_value__evaluate__average = data__versions_value__evaluate["average"]
                                        if not (isinstance(data__versions_value__evaluate__average, str) and data__versions_value__evaluate__average == 'binary' or isinstance(data__versions_value__evaluate__average, str) and data__versions_value__evaluate__average == 'macro' or isinstance(data__versions_value__evaluate__average, str) and data__versions_value__evaluate__average == 'micro' or isinstance(data__versions_value__evaluate__average, str) and data__versions_value__evaluate__average == 'weighted' or data__versions_value__evaluate__average is None):
                                            raise Mismatch
                                    if data__versions_value__evaluate_keys:
                                        raise Mismatch
                            if "export" in data__versions_value_keys:
                                data__versions_value_keys.remove("export")
                                data__versions_value__export = data__versions_value["export"]
                                if not isinstance(data__versions_value__export, (dict, NoneType)):
                                    raise Mismatch
                                data__versions_value__export_is_dict = isinstance(data__versions_value__export, dict)
                                if data__versions_value__export_is_dict:
                                    data__versions_value__export_keys = set(data__versions_value__export.keys())
                                    if "opset" in data__versions_value__export_keys:
                                        data__versions_value__export_keys.remove("opset")
                                        data__versions_value__export__opset = data__versions_value__export["opset"]
                                        if not isinstance(data__versions_value__export__opset, (int, NoneType)) or isinstance(data__versions_value__export__opset, bool):
                                            raise Mismatch
                                        if isinstance(data__versions_value__export__opset, (int, float)) and not isinstance(data__versions_value__export__opset, bool):
                                            if data__versions_value__export__opset < 17:
                                                raise Mismatch
                                            if data__versions_value__export__opset > 21:
                                                raise Mismatch
                                    if data__versions_value__export_keys:
                                        raise Mismatch
                            if data__versions_value_keys:
                                raise Mismatch
                if data__versions_len != 0:
                    data__versions_property_names = True
                    for data__versions_key in data__versions:
                        try:
                            if isinstance(data__versions_key, str):
                                if not MODEL_0.search(data__versions_key):
                                    raise Mismatch
                        except Mismatch:
                            data__versions_property_names = False
                    if not data__versions_property_names:
                        raise Mismatch
        if data_keys:
            raise Mismatch
    return data


ENVIRONMENT_0 = re.compile('^[a-z0-9][a-z0-9._-]{0,62}\\Z')


def environment(data):
    if not isinstance(data, (dict)):
        raise Mismatch
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['kind', 'name']) - data.keys()
        if data__missing_keys:
            raise Mismatch
        data_keys = set(data.keys())
        if "kind" in data_keys:
            data_keys.remove("kind")
            data__kind = data["kind"]
            if not (isinstance(data__kind, str) and data__kind == 'Environment'):
                raise Mismatch
        if "name" in data_keys:
            data_keys.remove("name")
            data__name = data["name"]
            if not isinstance(data__name, (str)):
                raise Mismatch
            if isinstance(data__name, str):
                if not ENVIRONMENT_0.search(data__name):
                    raise Mismatch
        if "description" in data_keys:
            data_keys.remove("description")
            data__description = data["description"]
            if not isinstance(data__description, (str)):
                raise Mismatch
        if "protected" in data_keys:
            data_keys.remove("protected")
            data__protected = data["protected"]
            if not isinstance(data__protected, (bool)):
                raise Mismatch
        if "require_commit" in data_keys:
            data_keys.remove("require_commit")
            data__requirecommit = data["require_commit"]
            if not isinstance(data__requirecommit, (bool)):
                raise Mismatch
        if "switch" in data_keys:
            data_keys.remove("switch")
            data__switch = data["switch"]
            if not (isinstance(data__switch, str) and data__switch == 'together'):
                raise Mismatch
        if "requests" in data_keys:
            data_keys.remove("requests")
            data__requests = data["requests"]
            if not (isinstance(data__requests, str) and data__requests == 'lenient' or isinstance(data__requests, str) and data__requests == 'strict'):
                raise Mismatch
        if "platform" in data_keys:
            data_keys.remove("platform")
            data__platform = data["platform"]
            if not isinstance(data__platform, (dict)):
                raise Mismatch
            data__platform_is_dict = isinstance(data__platform, dict)
            if data__platform_is_dict:
                data__platform_keys = set(data__platform.keys())
                if "type" in data__platform_keys:
                    data__platform_keys.remove("type")
                    data__platform__type = data__platform["type"]
                    if not (isinstance(data__platform__type, str) and data__platform__type == 'server' or isinstance(data__platform__type, str) and data__platform__type == 'bundle' or isinstance(data__platform__type, str) and data__platform__type == 'kserve'):
                        raise Mismatch
                if "host" in data__platform_keys:
                    data__platform_keys.remove("host")
                    data__platform__host = data__platform["host"]
                    if not isinstance(data__platform__host, (str)):
                        raise Mismatch
                    if isinstance(data__platform__host, str):
                        data__platform__host_len = len(data__platform__host)
                        if data__platform__host_len < 1:
                            raise Mismatch
                if "port" in data__platform_keys:
                    data__platform_keys.remove("port")
                    data__platform__port = data__platform["port"]
                    if not isinstance(data__platform__port, (int)) or isinstance(data__platform__port, bool):
                        raise Mismatch
                    if isinstance(data__platform__port, (int, float)) and not isinstance(data__platform__port, bool):
                        if data__platform__port < 1:
                            raise Mismatch
                        if data__platform__port > 65535:
                            raise Mismatch
                if data__platform_keys:
                    raise Mismatch
        if "models" in data_keys:
            data_keys.remove("models")
            data__models = data["models"]
            if not isinstance(data__models, (dict)):
                raise Mismatch
            data__models_is_dict = isinstance(data__models, dict)
            if data__models_is_dict:
                data__models_keys = set(data__models.keys())
                for data__models_key in data__models_keys:
                    if data__models_key not in []:
                        data__models_value = data__models.get(data__models_key)
                        data__models_value_any_of_count1 = 0
                        if not data__models_value_any_of_count1:
                            try:
                                if not isinstance(data__models_value, (str)):
                                    raise Mismatch
                                if isinstance(data__models_value, str):
                                    if not ENVIRONMENT_0.search(data__models_value):
                                        raise Mismatch
                                data__models_value_any_of_count1 += 1
                            except Mismatch: pass
                        if not data__models_value_any_of_count1:
                            try:
                                if not isinstance(data__models_value, (dict)):
                                    raise Mismatch
                                data__models_value_is_dict = isinstance(data__models_value, dict)
                                if data__models_value_is_dict:
                                    data__models_value__missing_keys = set(['version']) - data__models_value.keys()
                                    if data__models_value__missing_keys:
                                        raise Mismatch
                                    data__models_value_keys = set(data__models_value.keys())
                                    if "version" in data__models_value_keys:
                                        data__models_value_keys.remove("version")
                                        data__models_value__version = data__models_value["version"]
                                        if not isinstance(data__models_value__version, (str)):
                                            raise Mismatch
                                        if isinstance(data__models_value__version, str):
                                            if not ENVIRONMENT_0.search(data__models_value__version):
                                                raise Mismatch
                                    if "canary" in data__models_value_keys:
                                        data__models_value_keys.remove("canary")
                                        data__models_value__canary = data__models_value["canary"]
                                        if not isinstance(data__models_value__canary, (dict)):
                                            raise Mismatch
                                        data__models_value__canary_is_dict = isinstance(data__models_value__canary, dict)
                                        if data__models_value__canary_is_dict:
                                            data__models_value__canary__missing_keys = set(['version', 'percent']) - data__models_value__canary.keys()
                                            if data__models_value__canary__missing_keys:
                                                raise Mismatch
                                            data__models_value__canary_keys = set(data__models_value__canary.keys())
                                            if "version" in data__models_value__canary_keys:
                                                data__models_value__canary_keys.remove("version")
                                                data__models_value__canary__version = data__models_value__canary["version"]
                                                if not isinstance(data__models_value__canary__version, (str)):
                                                    raise Mismatch
                                                if isinstance(data__models_value__canary__version, str):
                                                    if not ENVIRONMENT_0.search(data__models_value__canary__version):
                                                        raise Mismatch
                                            if "percent" in data__models_value__canary_keys:
                                                data__models_value__canary_keys.remove("percent")
                                                data__models_value__canary__percent = data__models_value__canary["percent"]
                                                if not isinstance(data__models_value__canary__percent, (int, float)) or isinstance(data__models_value__canary__percent, bool):
                                                    raise Mismatch
                                                if isinstance(data__models_value__canary__percent, (int, float)) and not isinstance(data__models_value__canary__percent, bool):
                                                    if data__models_value__canary__percent < 0:
                                                        raise Mismatch
                                                    if data__models_value__canary__percent > 100:
                                                        raise Mismatch
                                            if data__models_value__canary_keys:
                                                raise Mismatch
                                    if "shadow" in data__models_value_keys:
                                        data__models_value_keys.remove("shadow")
                                        data__models_value__shadow = data__models_value["shadow"]
                                        if not isinstance(data__models_value__shadow, (str)):
                                            raise Mismatch
                                        if isinstance(data__models_value__shadow, str):
                                            if not ENVIRONMENT_0.search(data__models_value__shadow):
                                                raise Mismatch
                                    if data__models_value_keys:
                                        raise Mismatch
                                data__models_value_any_of_count1 += 1
                            except Mismatch: pass
                        if not data__models_value_any_of_count1:
                            raise Mismatch
                data__models_len = len(data__models)
                if data__models_len != 0:
                    data__models_property_names = True
                    for data__models_key in data__models:
                        try:
                            if isinstance(data__models_key, str):
                                if not ENVIRONMENT_0.search(data__models_key):
                                    raise Mismatch
                        except Mismatch:
                            data__models_property_names = False
                    if not data__models_property_names:
                        raise Mismatch
        if "gates" in data_keys:
            data_keys.remove("gates")
            data__gates = data["gates"]
            data__gates_any_of_count2 = 0
            if not data__gates_any_of_count2:
                try:
                    if not isinstance(data__gates, (dict)):
                        raise Mismatch
                    data__gates_is_dict = isinstance(data__gates, dict)
                    if data__gates_is_dict:
                        data__gates_keys = set(data__gates.keys())
                        for data__gates_key in data__gates_keys:
                            if data__gates_key not in []:
                                data__gates_value = data__gates.get(data__gates_key)
                                if not isinstance(data__gates_value, (dict)):
                                    raise Mismatch
                                data__gates_value_is_dict = isinstance(data__gates_value, dict)
                                if data__gates_value_is_dict:
                                    data__gates_value_len = len(data__gates_value)
                                    if data__gates_value_len < 1:
                                        raise Mismatch
                                    data__gates_value_keys = set(data__gates_value.keys())
                                    if "min" in data__gates_value_keys:
                                        data__gates_value_keys.remove("min")
                                        data__gates_value__min = data__gates_value["min"]
                                        if not isinstance(data__gates_value__min, (int, float)) or isinstance(data__gates_value__min, bool):
                                            raise Mismatch
                                    if "max" in data__gates_value_keys:
                                        data__gates_value_keys.remove("max")
                                        data__gates_value__max = data__gates_value["max"]
                                        if not isinstance(data__gates_value__max, (int, float)) or isinstance(data__gates_value__max, bool):
                                            raise Mismatch
                                    if "max_drop" in data__gates_value_keys:
                                        data__gates_value_keys.remove("max_drop")
                                        data__gates_value__maxdrop = data__gates_value["max_drop"]
                                        if not isinstance(data__gates_value__maxdrop, (int, float)) or isinstance(data__gates_value__maxdrop, bool):
                                            raise Mismatch
                                        if isinstance(data__gates_value__maxdrop, (int, float)) and not isinstance(data__gates_value__maxdrop, bool):
                                            if data__gates_value__maxdrop < 0:
                                                raise Mismatch
                                    if data__gates_value_keys:
                                        raise Mismatch
                    data__gates_any_of_count2 += 1
                except Mismatch: pass
            if not data__gates_any_of_count2:
                try:
                    if not isinstance(data__gates, (list, tuple)):
                        raise Mismatch
                    data__gates_is_list = isinstance(data__gates, (list, tuple))
                    if data__gates_is_list:
                        data__gates_len = len(data__gates)
                        for data__gates_x, data__gates_item in enumerate(data__gates):
                            if not isinstance(data__gates_item, (dict)):
                                raise Mismatch
                            data__gates_item_is_dict = isinstance(data__gates_item, dict)
                            if data__gates_item_is_dict:
                                data__gates_item_keys = set(data__gates_item.keys())
                                if "models" in data__gates_item_keys:
                                    data__gates_item_keys.remove("models")
                                    data__gates_item__models = data__gates_item["models"]
                                    if not isinstance(data__gates_item__models, (str)):
                                        raise Mismatch
                                    if isinstance(data__gates_item__models, str):
                                        data__gates_item__models_len = len(data__gates_item__models)
                                        if data__gates_item__models_len < 1:
                                            raise Mismatch
                                for data__gates_item_key in data__gates_item_keys:
                                    if data__gates_item_key not in ['models']:
                                        data__gates_item_value = data__gates_item.get(data__gates_item_key)
                                        if not isinstance(data__gates_item_value, (dict)):
                                            raise Mismatch
                                        data__gates_item_value_is_dict = isinstance(data__gates_item_value, dict)
                                        if data__gates_item_value_is_dict:
                                            data__gates_item_value_len = len(data__gates_item_value)
                                            if data__gates_item_value_len < 1:
                                                raise Mismatch
                                            data__gates_item_value_keys = set(data__gates_item_value.keys())
                                            if "min" in data__gates_item_value_keys:
                                                data__gates_item_value_keys.remove("min")
                                                data__gates_item_value__min = data__gates_item_value["min"]
                                                if not isinstance(data__gates_item_value__min, (int, float)) or isinstance(data__gates_item_value__min, bool):
                                                    raise Mismatch
                                            if "max" in data__gates_item_value_keys:
                                                data__gates_item_value_keys.remove("max")
                                                data__gates_item_value__max = data__gates_item_value["max"]
                                                if not isinstance(data__gates_item_value__max, (int, float)) or isinstance(data__gates_item_value__max, bool):
                                                    raise Mismatch
                                            if "max_drop" in data__gates_item_value_keys:
                                                data__gates_item_value_keys.remove("max_drop")
                                                data__gates_item_value__maxdrop = data__gates_item_value["max_drop"]
                                                if not isinstance(data__gates_item_value__maxdrop, (int, float)) or isinstance(data__gates_item_value__maxdrop, bool):
                                                    raise Mismatch
                                                if isinstance(data__gates_item_value__maxdrop, (int, float)) and not isinstance(data__gates_item_value__maxdrop, bool):
                                                    if data__gates_item_value__maxdrop < 0:
                                                        raise Mismatch
                                            if data__gates_item_value_keys:
                                                raise Mismatch
                    data__gates_any_of_count2 += 1
                except Mismatch: pass
            if not data__gates_any_of_count2:
                raise Mismatch
        if data_keys:
            raise Mismatch
    return data


CHECKS = {
    "Project": lambda data: _fits(project, data),
    "Dataset": lambda data: _fits(dataset, data),
    "Model": lambda data: _fits(model, data),
    "Environment": lambda data: _fits(environment, data),
}
