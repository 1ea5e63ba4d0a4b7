"""How requests get to the pods of a Deployment."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import SET, Rule
from trimtab.apis.v1alpha1.meta import ObjectName, SpecModel

_PROVIDER = "self.?provider.orValue('ReplicaRatio')"
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

Namespace = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=f"^{_LABEL}$")]
HeaderName = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern="^[A-Za-z0-9!#$%&'*+.^_|~-]+$")
]
# No quotes, spaces or backslashes: some Gateways (older Traefik) paste a value into a rule of their own,
# between quotes, where one that ends it could take the requests of other hosts.
HeaderValue = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern="^[A-Za-z0-9._~:/@+=-]+$")
]
SectionName = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Hostname = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253, pattern=rf"^(\*\.)?{_LABEL}(\.{_LABEL})*$"),
]


class GatewayReference(SpecModel):
    """A Gateway of the Gateway API."""

    name: ObjectName
    """Its name."""
    namespace: Namespace | None = None
    """Its namespace; without it, that of the Deployment. Its listener must allow routes from there."""
    section_name: SectionName | None = None
    """Name of one of its listeners; without it, all of them."""


class Testers(SpecModel):
    """Who gets the candidate, whatever its weight."""

    header: HeaderName
    """Name of a request header, in any case."""
    value: HeaderValue
    """What it must hold, exactly: letters, digits and `._~:/@+=-`."""


class Sticky(SpecModel):
    """What keeps a client on one side while the weight stands."""

    header: HeaderName
    """Name of a request header whose values end in two hexadecimal digits, evenly spread: a UUID, or a hash
    of a user. The candidate gets the values that end below its weight in 256ths: a growing weight moves
    clients to the candidate only. Requests without such a value go by weight."""


class Traffic(SpecModel):
    """How requests get to the pods."""

    rules: ClassVar = (
        Rule(
            f"{_PROVIDER} == 'GatewayAPI' || !(has(self.gatewayRef) || has(self.hostnames))",
            "gatewayRef and hostnames belong to provider GatewayAPI: set it, or remove them",
        ),
        Rule(
            f"{_PROVIDER} != 'GatewayAPI' || "
            "(has(self.gatewayRef) && has(self.hostnames) && self.hostnames.size() > 0)",
            "provider GatewayAPI needs gatewayRef and at least one of hostnames: add them",
        ),
        Rule(
            f"{_PROVIDER} == 'GatewayAPI' || !(has(self.testers) || has(self.sticky))",
            "testers and sticky belong to provider GatewayAPI, because a Service reads no headers: set it, "
            "or remove them",
        ),
        Rule(
            f"{_PROVIDER} != 'GatewayAPI' || !self.?allowCoarse.orValue(false)",
            "allowCoarse belongs to provider ReplicaRatio, a Gateway gives each weight exactly: remove it",
        ),
    )
    provider: Literal["ReplicaRatio", "GatewayAPI"] = "ReplicaRatio"
    """ReplicaRatio: one Service over the pods of both sides; a weight is a ratio of pods, its unit the
    connection. Needs nothing but Kubernetes. GatewayAPI: an HTTPRoute with weights over a Service per
    revision; its unit is the request."""
    allow_coarse: bool = False
    """ReplicaRatio: true lets weights in that the pods cannot give within 5 points. The nearest one that they
    can give, with at least one pod on each side, is then what the candidate gets and what status reports."""
    gateway_ref: GatewayReference | None = None
    """GatewayAPI: the Gateway that carries the traffic."""
    hostnames: Annotated[tuple[Hostname, ...], Field(max_length=16), SET] = ()
    """GatewayAPI: the names under which clients ask the Gateway. A name belongs to one Deployment per
    Gateway."""
    testers: Testers | None = None
    """GatewayAPI: requests with this header get the candidate while it has a weight."""
    sticky: Sticky | None = None
    """GatewayAPI: clients with this header stay with a side while the weight stands."""
