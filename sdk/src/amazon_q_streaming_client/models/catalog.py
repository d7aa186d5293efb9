"""ListAvailableModels."""

from __future__ import annotations

from ._base import Number, Open, Shape
from .account_enums import InputType, ModelProvider
from .chat_enums import Origin

__all__ = [
    "ListAvailableModelsRequest",
    "ListAvailableModelsResponse",
    "Model",
    "PromptCaching",
    "TokenLimits",
]


class ListAvailableModelsRequest(Shape):
    """What ListAvailableModels takes."""

    origin: Open[Origin]
    max_results: int | None = None
    model_provider: Open[ModelProvider] | None = None
    next_token: str | None = None
    profile_arn: str | None = None


class PromptCaching(Shape):
    """Whether and how the model caches prompts."""

    supports_prompt_caching: bool
    maximum_cache_checkpoints_per_request: int | None = None
    minimum_tokens_per_cache_checkpoint: int | None = None


class TokenLimits(Shape):
    """The limits of a model, in tokens."""

    max_input_tokens: int | None = None
    max_output_tokens: int | None = None


class Model(Shape):
    """A model that can be asked."""

    model_id: str
    description: str | None = None
    model_name: str | None = None
    prompt_caching: PromptCaching | None = None
    rate_multiplier: Number | None = None
    rate_unit: str | None = None
    supported_input_types: list[Open[InputType]] | None = None
    token_limits: TokenLimits | None = None


class ListAvailableModelsResponse(Shape):
    """A page of the models, and the default one."""

    default_model: Model
    models: list[Model]
    next_token: str | None = None
