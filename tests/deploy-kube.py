#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""deploy-kube.py - the Kubernetes files of examples/deploy against the API: fields, types, and what names what

    deploy-kube.py check FILE...              a line for each thing that is wrong, and then exit status 3
    deploy-kube.py api                        the same where what is known of the API here is not what its Python client knows
    deploy-kube.py api                        the same of what is known of the API here, against the models of its own client
    deploy-kube.py pod FILE KIND PART [EDIT...]
                                              the pod of an object, as YAML, for podman, with its containers (main) or its
                                              init containers (init): emptyDir=PATH, a folder of this machine for it; CONTAINER=JSON, another command; without=FIELD of containers
    deploy-kube.py prestop FILE               what the DaemonSet's container runs before it ends
    deploy-kube.py env FILE CPU_MILLI MEMORY  the environment of a pod as the kubelet makes it of its limits
"""
import json
import re
import sys
import yaml

# Fields that the files use, of the API reference of Kubernetes 1.26 and of PodMonitor v1; ! is a required one. A field that
# is not here is wrong or to be looked up.
TYPES = {
    "Namespace": "apiVersion!:str kind!:str metadata!:ObjectMeta",
    "DaemonSet": "apiVersion!:str kind!:str metadata!:ObjectMeta spec!:DaemonSetSpec",
    "Deployment": "apiVersion!:str kind!:str metadata!:ObjectMeta spec!:DeploymentSpec",
    "Pod": "apiVersion!:str kind!:str metadata!:ObjectMeta spec!:PodSpec",
    "NetworkPolicy": "apiVersion!:str kind!:str metadata!:ObjectMeta spec!:NetworkPolicySpec",
    "RuntimeClass": "apiVersion!:str kind!:str metadata!:ObjectMeta handler!:str",
    "RuntimeClass": "apiVersion!:str kind!:str metadata!:ObjectMeta handler!:str",
    "PodMonitor": "apiVersion!:str kind!:str metadata!:ObjectMeta spec!:PodMonitorSpec",
    "ObjectMeta": "name:str namespace:str labels:{str} annotations:{str}",
    "LabelSelector": "matchLabels:{str}",
    "DaemonSetSpec": "selector!:LabelSelector template!:PodTemplate updateStrategy:UpdateStrategy",
    "DeploymentSpec": "replicas:int selector!:LabelSelector template!:PodTemplate",
    "UpdateStrategy": "type:str rollingUpdate:RollingUpdate",
    "RollingUpdate": "maxUnavailable:intstr",
    "PodTemplate": "metadata:ObjectMeta spec!:PodSpec",
    "PodSpec": "automountServiceAccountToken:bool enableServiceLinks:bool nodeSelector:{str} tolerations:[Toleration] "
               "terminationGracePeriodSeconds:int runtimeClassName:str initContainers:[Container] containers!:[Container] volumes:[Volume]",
    "Toleration": "operator:str",
    "Container": "name!:str image:str imagePullPolicy:str command:[str] args:[str] ports:[ContainerPort] env:[EnvVar] "
                 "lifecycle:Lifecycle readinessProbe:Probe livenessProbe:Probe securityContext:SecurityContext "
                 "resources:Resources volumeMounts:[VolumeMount]",
    "ContainerPort": "name:str containerPort!:int protocol:str",
    "EnvVar": "name!:str value:str valueFrom:EnvVarSource",
    "EnvVarSource": "resourceFieldRef:ResourceFieldSelector",
    "ResourceFieldSelector": "resource!:str divisor:quantity",
    "Lifecycle": "preStop:LifecycleHandler",
    "LifecycleHandler": "exec:ExecAction",
    "ExecAction": "command:[str]",
    "Probe": "httpGet:HTTPGetAction periodSeconds:int timeoutSeconds:int",
    "HTTPGetAction": "path:str port!:intstr",
    "SecurityContext": "runAsUser:int runAsNonRoot:bool readOnlyRootFilesystem:bool allowPrivilegeEscalation:bool "
                       "capabilities:Capabilities seccompProfile:SeccompProfile",
    "Capabilities": "add:[str] drop:[str]",
    "SeccompProfile": "type!:str",
    "Resources": "limits:{quantity} requests:{quantity}",
    "VolumeMount": "name!:str mountPath!:str readOnly:bool",
    "Volume": "name!:str hostPath:HostPath emptyDir:EmptyDir",
    "HostPath": "path!:str type:str",
    "EmptyDir": "sizeLimit:quantity",
    "NetworkPolicySpec": "podSelector!:LabelSelector policyTypes:[str] ingress:[IngressRule]",
    "IngressRule": "from:[Peer] ports:[PolicyPort]",
    "Peer": "namespaceSelector:LabelSelector",
    "PolicyPort": "protocol:str port:intstr",
    "PodMonitorSpec": "selector!:LabelSelector podMetricsEndpoints!:[PodMetricsEndpoint]",
    "PodMetricsEndpoint": "port:str path:str interval:duration relabelings:[Relabeling]",
    "Relabeling": "sourceLabels:[str] targetLabel:str",
}
VERSIONS = {"Namespace": "v1", "Pod": "v1", "DaemonSet": "apps/v1", "Deployment": "apps/v1",
            "NetworkPolicy": "networking.k8s.io/v1", "RuntimeClass": "node.k8s.io/v1", "PodMonitor": "monitoring.coreos.com/v1"}
ENUMS = {"imagePullPolicy": ["Always", "IfNotPresent", "Never"], "operator": ["Exists", "Equal"],
         "policyTypes": ["Ingress", "Egress"], "protocol": ["TCP", "UDP", "SCTP"]}
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
LABEL = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

problems = []


def wrong(where, what):
    problems.append(f"{where}: {what}")


def check_scalar(where, value, kind):
    fits = {"str": isinstance(value, str), "bool": isinstance(value, bool),
            "int": isinstance(value, int) and not isinstance(value, bool),
            "intstr": isinstance(value, (int, str)) and not isinstance(value, bool),
            "quantity": QUANTITY.fullmatch(str(value)) is not None,
            "duration": isinstance(value, str) and re.fullmatch(r"[0-9]+(ms|s|m|h)", value) is not None}
    if not fits[kind]:
        wrong(where, f"{value!r} is no {kind}")


def check_value(where, value, kind):
    if kind.startswith("["):
        if not isinstance(value, list) or not value:
            wrong(where, "is no list with something in it")
        else:
            for i, one in enumerate(value):
                check_value(f"{where}[{i}]", one, kind[1:-1])
    elif kind.startswith("{"):
        if not isinstance(value, dict):
            wrong(where, "is no map")
        else:
            for key, one in value.items():
                check_value(f"{where}.{key}", one, kind[1:-1])
    elif kind in TYPES:
        check_object(where, value, kind)
    else:
        check_scalar(where, value, kind)


def check_object(where, value, kind):
    fields = dict(field.split(":") for field in TYPES[kind].split())
    if not isinstance(value, dict):
        wrong(where, f"is no {kind}")
        return
    for name in value:
        if name not in fields and name + "!" not in fields:
            wrong(where, f"{kind} has no field {name}")
    for name, field_kind in fields.items():
        required, name = name.endswith("!"), name.rstrip("!")
        if name in value:
            check_value(f"{where}.{name}", value[name], field_kind)
            for one in value[name] if isinstance(value[name], list) else [value[name]]:
                if name in ENUMS and one not in ENUMS[name]:
                    wrong(f"{where}.{name}", f"{one} is none of {ENUMS[name]}")
        elif required:
            wrong(where, f"{kind} lacks {name}")


def pod_of(thing):
    return thing if thing["kind"] == "Pod" else thing.get("spec", {}).get("template")


def containers_of(pod):
    return pod["spec"].get("initContainers", []) + pod["spec"]["containers"]


def check_pod(where, pod):
    """What the names in a pod name is there."""
    volumes = [volume["name"] for volume in pod["spec"].get("volumes", [])]
    mounted = set()
    for container in containers_of(pod):
        ports = [port["name"] for port in container.get("ports", [])]
        defined = []
        for mount in container.get("volumeMounts", []):
            mounted.add(mount["name"])
            if mount["name"] not in volumes:
                wrong(where, f"{container['name']} mounts {mount['name']}, which is no volume")
        for probe in ("readinessProbe", "livenessProbe"):
            if probe in container and container[probe]["httpGet"]["port"] not in ports:
                wrong(where, f"{probe} of {container['name']} asks a port that it has not")
        for variable in container.get("env", []):
            for name in re.findall(r"\$\((.*?)\)", variable.get("value", "")):
                if name not in defined:
                    wrong(where, f"{variable['name']} is made of {name}, which is not defined above it")
            source = variable.get("valueFrom", {}).get("resourceFieldRef")
            if source and source["resource"].split(".")[1] not in container["resources"]["limits"]:
                wrong(where, f"{variable['name']} tells of a limit that {container['name']} has not")
            defined.append(variable["name"])
    for name in set(volumes) - mounted:
        wrong(where, f"nothing mounts {name}")


def check_labels(where, thing):
    pods = [thing["metadata"]] + ([pod_of(thing)["metadata"]] if pod_of(thing) else [])
    for metadata in pods:
        for key in list(metadata.get("labels", {})) + list(metadata.get("annotations", {})):
            if not LABEL.fullmatch(key):
                wrong(where, f"{key} is no key of a label")
    if thing["kind"] in ("DaemonSet", "Deployment"):
        labels = pod_of(thing)["metadata"]["labels"]
        if not thing["spec"]["selector"]["matchLabels"].items() <= labels.items():
            wrong(where, "its selector does not select its pods")


def check_node(daemon, things):
    """The exporter and what is to find it: one port and one label everywhere; and no right but those two."""
    pod = pod_of(daemon)
    container = pod["spec"]["containers"][0]
    port, labels = container["ports"][0], pod["metadata"]["labels"]
    if container["command"][-1] != f"0.0.0.0:{port['containerPort']}":
        wrong("DaemonSet", "it listens elsewhere than its port says")
    if pod["metadata"]["annotations"]["prometheus.io/port"] != str(port["containerPort"]):
        wrong("DaemonSet", "the annotation has another port")
    for one in containers_of(pod):
        if one["securityContext"]["capabilities"] != {"drop": ["ALL"], "add": ["BPF", "PERFMON"]}:
            wrong("DaemonSet", f"{one['name']} has other capabilities than BPF and PERFMON")
    for thing in things:
        if thing["kind"] == "NetworkPolicy":
            if not thing["spec"]["podSelector"]["matchLabels"].items() <= labels.items():
                wrong("NetworkPolicy", "is not of the exporters")
            if thing["spec"]["ingress"][0]["ports"][0]["port"] != port["containerPort"]:
                wrong("NetworkPolicy", "lets nobody to the exporters' port")
        if thing["kind"] == "PodMonitor":
            if not thing["spec"]["selector"]["matchLabels"].items() <= labels.items():
                wrong("PodMonitor", "is not of the exporters")
            if thing["spec"]["podMetricsEndpoints"][0]["port"] != port["name"]:
                wrong("PodMonitor", "asks another port")


def is_required(client, model, attribute):
    """The model's own check of a value says so."""
    empty = model.__new__(model)
    empty.local_vars_configuration = client.Configuration()
    try:
        setattr(empty, attribute, None)
    except ValueError:
        return True
    return False


def compare(client, kind, model):
    """A type of TYPES, and those in it, with the client's model, which is made of the API's own description."""
    plain = {"str": "str", "int": "int", "bool": "bool", "intstr": "object", "quantity": "str",
             "[str]": "list[str]", "{str}": "dict(str, str)", "{quantity}": "dict(str, str)"}
    attributes = {field: attribute for attribute, field in model.attribute_map.items()}
    fields = dict(field.split(":") for field in TYPES[kind].split())
    for name, ours in fields.items():
        attribute = attributes.get(name.rstrip("!"))
        theirs = model.openapi_types.get(attribute, "none")
        if ours.strip("[]") in TYPES and theirs.startswith("list[V1" if ours[0] == "[" else "V1"):
            compare(client, ours.strip("[]"), getattr(client, theirs.replace("list", "").strip("[]")))
        elif plain.get(ours) != theirs:
            wrong(kind, f"{name} is {ours}, and {theirs} of the API")
    for field, attribute in attributes.items():
        if is_required(client, model, attribute) and field + "!" not in fields:
            wrong(kind, f"{field} is required by the API")


def end():
    print(*problems, sep="\n", end="\n" if problems else "")
    sys.exit(3 if problems else 0)


def compare_all():
    from kubernetes import client
    for kind, version in VERSIONS.items():
        if version != "monitoring.coreos.com/v1":
            compare(client, kind, getattr(client, "V1" + kind))
    end()


def load(path):
    with open(path, encoding="utf-8") as stream:
        return [thing for thing in yaml.safe_load_all(stream) if thing]


def check(paths):
    things = []
    for path in paths:
        for thing in load(path):
            kind = thing.get("kind")
            where = f"{path.rsplit('/', 1)[-1]}: {kind}"
            if VERSIONS.get(kind) != thing.get("apiVersion"):
                wrong(where, f"is not of {thing.get('apiVersion')}")
                continue
            before = len(problems)
            check_object(where, thing, kind)
            if len(problems) == before:
                check_labels(where, thing)
                if pod_of(thing):
                    check_pod(where, pod_of(thing))
                things.append(thing)
    for thing in things:
        if thing["kind"] == "DaemonSet":
            check_node(thing, things)
    end()


def print_pod(path, kind, part, *edits):
    pod = next(dict(pod_of(thing), apiVersion="v1", kind="Pod", name=thing["metadata"]["name"])
               for thing in load(path) if thing["kind"] == kind)
    pod["metadata"] = dict(pod.get("metadata", {}), name=pod.pop("name"))
    # podman 4.3 waits for an init container for 20 s when it has ended: the test has those in a pod of their own.
    pod["spec"]["restartPolicy"] = "Never"
    first = pod["spec"].pop("initContainers", [])
    if part == "init":
        pod["spec"]["containers"] = first
    for what, value in (edit.split("=", 1) for edit in edits):
        for volume in pod["spec"].get("volumes", []):
            if what == "emptyDir" and volume.pop("emptyDir", None):
                volume["hostPath"] = {"path": value}
        for container in containers_of(pod):
            if what == "without":
                container.pop(value, None)
            if container["name"] == what:
                container["command"] = json.loads(value)
    print(yaml.safe_dump(pod))


def print_prestop(path):
    for thing in load(path):
        if thing["kind"] == "DaemonSet":
            print(*pod_of(thing)["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"])


def print_env(path, milli, memory):
    """As the kubelet does: limits by their divisor, rounded up, then $(NAME) of what is above."""
    values = {}
    limits = {"limits.cpu": int(milli) * 1000, "limits.memory": int(memory) * 1000000}
    divisors = {"1m": 1000, "1": 1000000}
    for variable in containers_of(pod_of(load(path)[0]))[0]["env"]:
        value = variable.get("value")
        if value is None:
            source = variable["valueFrom"]["resourceFieldRef"]
            value = str(-(-limits[source["resource"]] // divisors[source["divisor"]]))
        values[variable["name"]] = re.sub(r"\$\((.*?)\)", lambda name: values[name[1]], value)
    print(*(f"{name}={value}" for name, value in values.items()), sep="\n")


{"check": lambda *paths: check(paths), "api": compare_all, "pod": print_pod, "prestop": print_prestop, "env": print_env}[sys.argv[1]](*sys.argv[2:])
