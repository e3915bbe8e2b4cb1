# What jq defines and jaq's library leaves to its command, or defines otherwise.

# Strings
def tostring: to_string;
def @text: tostring;
def @json: tojson;
def @html: tostring | escape_html;
def @uri: tostring | encode_uri;
def @base64: tostring | encode_base64;
def @base64d: tostring | decode_base64;
def @sh: [if type == "array" then .[] end
  | if type == "string" then "'" + escape_sh + "'"
    elif type == "array" or type == "object" then error("\(tojson) can not be escaped for shell")
    else tostring end] | join(" ");
def ltrimstr($start):
  if type == "string" and ($start | type) == "string" and startswith($start) then .[($start | length):] else . end;
def rtrimstr($end):
  if type == "string" and ($end | type) == "string" and endswith($end) and $end != ""
  then .[:length - ($end | length)] else . end;
def join_strings($separator): join($separator);
def join($separator):
  map(if . == null then "" elif type == "number" or type == "boolean" then tostring else . end)
  | if all(type == "string") then join_strings($separator) else reduce .[] as $one (""; . + $one) end;

# Objects and paths
def setpath($path; $value): set_path($path; $value);
def delpaths($paths): delete_paths($paths);
def del(paths): delpaths([path(paths)]);
def entry_key: if .key != null then .key elif .k != null then .k elif .name != null then .name
  elif .Name != null then .Name elif .K != null then .K else .Key end
  | if type == "string" then . elif . == null then "null" else tojson end;
def entry_value: if has("value") then .value elif has("v") then .v elif has("Value") then .Value else .V end;
def from_entries: reduce .[] as $entry ({}; . + {($entry | entry_key): ($entry | entry_value)});
def with_entries(f): to_entries | map(f) | from_entries;
def to_entries: [keys_unsorted[] as $key | {$key, value: .[$key]}];

# Rows
def quote_cell: "\"" + (split("\"") | join("\"\"")) + "\"";
def plain_cell($format):
    if type == "number" or type == "boolean" then tostring
  elif . == null then ""
  else error("a cell of \($format) is no array or object, but this is: \(tojson)") end;
def @csv: [.[] | if type == "string" then quote_cell else plain_cell("csv") end] | join(",");
def escape_cell:
  reduce (["\\", "\\\\"], ["\t", "\\t"], ["\n", "\\n"], ["\r", "\\r"]) as [$from, $to] (.; split($from) | join($to));
def @tsv: [.[] | if type == "string" then escape_cell else plain_cell("tsv") end] | join("\t");
def format($name):
    if $name == "text" then @text
  elif $name == "json" then @json
  elif $name == "csv" then @csv
  elif $name == "tsv" then @tsv
  elif $name == "html" then @html
  elif $name == "uri" then @uri
  elif $name == "sh" then @sh
  elif $name == "base64" then @base64
  elif $name == "base64d" then @base64d
  else error("\($name) is not a valid format") end;

# Sets
def IN(values): . as $one | any(values; . == $one);
def IN(source; values): any(source; IN(values));
def INDEX(rows; f): reduce rows as $row ({}; .[$row | f | tostring] = $row);
def INDEX(f): INDEX(.[]; f);

# Streams of [path, leaf], and of [path] where an array or object ends
def tostream:
  def events($path):
    if (type == "array" or type == "object") and length > 0 then
      keys_unsorted as $keys | ($keys[] as $key | .[$key] | events($path + [$key])), [$path + [$keys[-1]]]
    else [$path, .] end;
  events([]);
def fromstream(events):
  foreach events as $event ({whole: false, value: null};
    (if .whole then {whole: false, value: null} else . end)
    | if ($event | length) == 2
      then .value |= setpath($event[0]; $event[1]) | .whole = ($event[0] | length == 0)
      else .whole = ($event[0] | length == 1) end;
    if .whole then .value else empty end);
def truncate_stream(events):
  . as $depth | null | events | if (.[0] | length) > $depth then .[0] |= .[$depth:] else empty end;

def leaf_paths: paths(scalars);
def toarray: if type == "array" then . else [.] end;
def ascii: [.] | implode;
def input_filename: null;
