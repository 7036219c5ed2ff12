# SPDX-License-Identifier: LGPL-2.1-or-later
# As much of nixpkgs' lib and of its module system as a rendered module needs: mkOption, three types, options checked and filled in, configuration
# merged. Usage: nix-instantiate --eval --strict --json nixos.nix --arg modules '[ ./host.nix { config.fabricnet.wg0.mtu = 1400; } ]'
{ modules }:
let
  inherit (builtins) all attrNames attrValues elemAt foldl' isAttrs isFunction isInt isList isString length listToAttrs map match toJSON;
  lib = {
    mkOption = option: option // { _type = "option"; };
    types = {
      ints.between = low: high: { name = "integer between ${toString low} and ${toString high}"; check = v: isInt v && v >= low && v <= high; };
      strMatching = pattern: { name = "string matching ${pattern}"; check = v: isString v && match pattern v != null; };
      listOf = type: { name = "list of ${type.name}"; check = v: isList v && all type.check v; };
    };
  };
  isOption = value: isAttrs value && value._type or "" == "option";
  merge = a: b: foldl' (into: name: into // {
    ${name} = if into ? ${name} && isAttrs into.${name} && isAttrs b.${name} then merge into.${name} b.${name} else b.${name};
  }) a (attrNames b);
  call = module: if isFunction module then module { inherit config lib; pkgs = { }; } else if isAttrs module then module else call (import module);
  called = map call modules;
  options = foldl' merge { } (map (module: module.options or { }) called);
  given = foldl' merge { } (map (module: module.config or { }) called);
  fill = path: declared: values: listToAttrs (map (name: {
    inherit name;
    value =
      if isOption declared.${name} then
        let value = values.${name} or declared.${name}.default; in
        if declared.${name}.type.check value then value
        else throw "The option `${path}${name}' is ${toJSON value}, which is no ${declared.${name}.type.name}"
      else fill "${path}${name}." declared.${name} (values.${name} or { });
  }) (attrNames declared));
  unknown = path: declared: values: foldl' (done: name:
    if declared ? ${name} then (if isOption declared.${name} then done else unknown "${path}${name}." declared.${name} values.${name})
    else throw "The option `${path}${name}' does not exist") true (attrNames values);
  config = merge given { fabricnet = assert unknown "fabricnet." options.fabricnet (given.fabricnet or { }); fill "fabricnet." options.fabricnet (given.fabricnet or { }); };
in
config
