"""Elements of a user interface that the service may send."""

from __future__ import annotations

from pydantic import Field

from ._base import Open, Shape
from .chat_enums import AlertType, StepState, TaskActionNoteType

__all__ = [
    "Action",
    "Alert",
    "AlertComponent",
    "CloudWatchTroubleshootingLink",
    "InfrastructureUpdate",
    "InfrastructureUpdateTransition",
    "InteractionComponent",
    "InteractionComponentEntry",
    "ModuleLink",
    "Progress",
    "ProgressComponent",
    "Resource",
    "ResourceList",
    "Section",
    "SectionComponent",
    "Step",
    "StepComponent",
    "Suggestion",
    "Suggestions",
    "TaskAction",
    "TaskActionConfirmation",
    "TaskActionNote",
    "TaskComponent",
    "TaskDetails",
    "TaskOverview",
    "TaskReference",
    "Text",
    "WebLink",
]


class WebLink(Shape):
    """A link to a web page."""

    label: str
    url: str


class CloudWatchTroubleshootingLink(Shape):
    """A link to a CloudWatch investigation."""

    investigation_payload: str
    label: str
    default_text: str | None = None


class ModuleLink(Shape):
    """A link to a module of the console."""

    cloud_watch_troubleshooting_link: CloudWatchTroubleshootingLink | None = None


class Action(Shape):
    """A link in a user interface."""

    module_link: ModuleLink | None = None
    web_link: WebLink | None = None


class Text(Shape):
    """A text."""

    content: str


class AlertComponent(Shape):
    """A part of a notice."""

    text: Text | None = None


class Alert(Shape):
    """A notice."""

    content: list[AlertComponent]
    type: Open[AlertType]


class InfrastructureUpdateTransition(Shape):
    """The state before and after a change."""

    current_state: str
    next_state: str


class InfrastructureUpdate(Shape):
    """A change of infrastructure."""

    transition: InfrastructureUpdateTransition | None = None


class StepComponent(Shape):
    """A part of a step."""

    text: Text | None = None


class Step(Shape):
    """A step of a task."""

    id: int
    label: str
    state: Open[StepState]
    content: list[StepComponent] | None = None


class ProgressComponent(Shape):
    """A part of a progress."""

    step: Step | None = None


class Progress(Shape):
    """The progress of a task."""

    content: list[ProgressComponent]


class Resource(Shape):
    """An AWS resource. ``resource_json_string`` is JSON text."""

    arn: str = Field(validation_alias="ARN", serialization_alias="ARN")
    description: str
    link: str
    resource_json_string: str
    title: str
    type: str


class ResourceList(Shape):
    """A list of AWS resources."""

    items: list[Resource]
    action: Action | None = None


class SectionComponent(Shape):
    """A part of a section."""

    alert: Alert | None = None
    resource: Resource | None = None
    resource_list: ResourceList | None = None
    text: Text | None = None


class Section(Shape):
    """A section with a title."""

    content: list[SectionComponent]
    title: str
    action: Action | None = None


class Suggestion(Shape):
    """A suggestion."""

    value: str


class Suggestions(Shape):
    """A list of suggestions."""

    items: list[Suggestion]


class TaskActionConfirmation(Shape):
    """The question before a button acts."""

    content: str | None = None


class TaskActionNote(Shape):
    """A note beside a button."""

    content: str
    type: Open[TaskActionNoteType] | None = None


class TaskAction(Shape):
    """A button of a task."""

    label: str
    payload: dict[str, str]
    confirmation: TaskActionConfirmation | None = None
    disabled: bool | None = None
    note: TaskActionNote | None = None
    primary: bool | None = None


class TaskComponent(Shape):
    """A part of a task."""

    alert: Alert | None = None
    infrastructure_update: InfrastructureUpdate | None = None
    progress: Progress | None = None
    text: Text | None = None


class TaskOverview(Shape):
    """A task in short."""

    description: str
    label: str


class TaskDetails(Shape):
    """A task with its parts."""

    content: list[TaskComponent]
    overview: TaskOverview
    actions: list[TaskAction] | None = None


class TaskReference(Shape):
    """The id of a task."""

    task_id: str


class InteractionComponent(Shape):
    """One element of a user interface. It is a structure: more than one member may be set."""

    action: Action | None = None
    alert: Alert | None = None
    infrastructure_update: InfrastructureUpdate | None = None
    progress: Progress | None = None
    resource: Resource | None = None
    resource_list: ResourceList | None = None
    section: Section | None = None
    step: Step | None = None
    suggestions: Suggestions | None = None
    task_details: TaskDetails | None = None
    task_reference: TaskReference | None = None
    text: Text | None = None


class InteractionComponentEntry(Shape):
    """An element with its id."""

    interaction_component: InteractionComponent
    interaction_component_id: str | None = None
