{#- platform-owned: changed by `copier update` only; see platform/README.md -#}
{#- One name everywhere: the schema is the layer's name, in every target, without dbt's prefix of the target's schema. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
