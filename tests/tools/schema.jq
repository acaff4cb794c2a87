# SPDX-License-Identifier: MIT
# Says what of a document does not fit a JSON schema, a line each; nothing if it
# fits. Knows of schemas what probe.schema.json has, and refuses others.
#
#   jq -r --slurpfile schema FILE -f schema.jq DOCUMENT

def kind:
	type as $type | if $type == "number" and . == floor then "integer"
	else $type end;

def unknown_words($at):
	keys - ["$schema", "$comment", "$defs", "$ref", "title", "type", "enum",
		"required", "properties", "additionalProperties", "items"]
	| .[] | "\($at): this checker does not know \(.) of schemas";

def misfits($schema; $defs; $at):
	. as $value
	| ($schema | unknown_words($at)),
	  (if $schema["$ref"] then
		($schema["$ref"] | ltrimstr("#/$defs/")) as $name
		| if $defs[$name] then misfits($defs[$name]; $defs; $at)
		  else "\($at): the schema has no \($name)" end
	   else empty end),
	  (if $schema.type and
		([$schema.type] | flatten | index($value | kind) | not) then
		"\($at): is \($value | kind), not \($schema.type)"
	   else empty end),
	  (if $schema.enum and ($schema.enum | index([$value]) | not) then
		"\($at): \($value) is not one of \($schema.enum)"
	   else empty end),
	  (if ($value | type) == "object" then
		((($schema.required // []) - ($value | keys))[]
		 | "\($at): has no \(.)"),
		($value | to_entries[] | .key as $key | .value
		 | if ($schema.properties // {} | has($key)) then
			misfits($schema.properties[$key]; $defs;
				"\($at).\($key)")
		   elif ($schema.additionalProperties | type) == "object" then
			misfits($schema.additionalProperties; $defs;
				"\($at).\($key)")
		   elif $schema.additionalProperties == false then
			"\($at): \($key) is not in the schema"
		   else empty end)
	   elif ($value | type) == "array" and $schema.items then
		$value | to_entries[] | .key as $idx | .value
		| misfits($schema.items; $defs; "\($at)[\($idx)]")
	   else empty end);

misfits($schema[0]; $schema[0]["$defs"]; "")
